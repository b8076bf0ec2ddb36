package shape

import (
	"encoding"
	"errors"
	"reflect"
	"unsafe"
)

// validator is implemented by a leaf type that rejects some of its values.
type validator interface{ Validate() error }

// receiver calls a method of interface I on leaves of one type.
type receiver[I any] struct {
	goType reflect.Type
	copies bool // the method belongs to *goType and gets a copy, since it may change the value
}

// receiverOf returns the receiver for I's method on t or *t, nil if neither has it.
func receiverOf[I any](t reflect.Type) *receiver[I] {
	want := reflect.TypeFor[I]()
	switch {
	case t.Kind() == reflect.Interface, t.Kind() == reflect.Pointer:
		return nil
	case t.Implements(want):
		return &receiver[I]{goType: t}
	case reflect.PointerTo(t).Implements(want):
		return &receiver[I]{goType: t, copies: true}
	default:
		return nil
	}
}

// of returns the leaf at p as an I. The I is a pointer, so that it costs no allocation: a
// pointer has the methods of its type too, and a method with a value receiver gets a copy.
func (r *receiver[I]) of(p unsafe.Pointer) I {
	leaf := reflect.NewAt(r.goType, p)
	if r.copies {
		original := leaf.Elem()
		leaf = reflect.New(r.goType)
		leaf.Elem().Set(original)
	}
	i, _ := reflect.TypeAssert[I](leaf)
	return i
}

// textMethods is the text form of a type.
type textMethods struct {
	appendText  *receiver[encoding.TextAppender] // preferred; nil for none
	marshalText *receiver[encoding.TextMarshaler]
	decodes     bool // has UnmarshalText
}

// textMethodsOf returns the text form of t, nil if t has none. It also returns the
// embedded field of t that has a text form, if there is one. The methods of t can then be those
// of the field, and reflection cannot tell. A struct type without a name has no methods but those of
// its fields.
func textMethodsOf(t reflect.Type) (m *textMethods, embedded reflect.Type) {
	if t.Name() == "" && t.Kind() == reflect.Struct {
		return nil, nil
	}
	appendText, marshalText := receiverOf[encoding.TextAppender](t), receiverOf[encoding.TextMarshaler](t)
	if appendText == nil && marshalText == nil {
		return nil, nil
	}
	m = &textMethods{appendText: appendText, marshalText: marshalText}
	m.decodes = reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) &&
		embeds[encoding.TextUnmarshaler](t) == nil
	if embedded = embeds[encoding.TextAppender](t); embedded == nil {
		embedded = embeds[encoding.TextMarshaler](t)
	}
	return m, embedded
}

// embeds returns the type of an embedded field of t that has the method of I, or nil.
func embeds[I any](t reflect.Type) reflect.Type {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		if f.Anonymous && (f.Type.Implements(reflect.TypeFor[I]()) || reflect.PointerTo(f.Type).Implements(reflect.TypeFor[I]())) {
			return f.Type
		}
	}
	return nil
}

// hasText reports whether t has a text form.
func hasText(t reflect.Type) bool {
	m, _ := textMethodsOf(t)
	return m != nil
}

var errLostText = errors.New("AppendText returned less than it was given")

// appendTo appends the text of the leaf at p.
func (m *textMethods) appendTo(dst []byte, p unsafe.Pointer) ([]byte, error) {
	if m.appendText != nil {
		text, err := m.appendText.of(p).AppendText(dst)
		if err == nil && len(text) < len(dst) {
			err = errLostText
		}
		return text, err
	}
	text, err := m.marshalText.of(p).MarshalText()
	return append(dst, text...), err
}
