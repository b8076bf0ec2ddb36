package signalcast

import (
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/signalcast/signalcast/internal/shape"
)

// dataType is a Go type of event data, compiled once for all signals of a
// registry that have it.
type dataType struct {
	*shape.Type

	keyFields atomic.Pointer[[]*KeyField] // those compiled so far; the list is replaced as a whole
}

func newDataType(t reflect.Type) (*dataType, error) {
	compiled, err := shape.Compile(t)
	if err != nil {
		return nil, err
	}
	data := &dataType{Type: compiled}
	data.keyFields.Store(&[]*KeyField{})
	return data, nil
}

// keyField compiles a key path once. Equal paths have the same pointer.
func (t *dataType) keyField(path string) (*KeyField, error) {
	for {
		list := t.keyFields.Load()
		for _, k := range *list {
			if k.Path() == path {
				return k, nil
			}
		}
		k, err := newKeyField(t.Type, path)
		if err != nil {
			return nil, err
		}
		longer := append(slices.Clip(*list), k)
		if t.keyFields.CompareAndSwap(list, &longer) {
			return k, nil
		}
	}
}
