package shape

import "reflect"

// Value returns a copy of the value that r refers to, which is of type t.
func (r Ref) Value(t reflect.Type) any {
	return reflect.NewAt(t, r.p).Elem().Interface()
}
