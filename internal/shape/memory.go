package shape

import (
	"reflect"
	"slices"
	"strings"
	"unsafe"
)

// loadInt reads the integer at p.
func loadInt(f form, p unsafe.Pointer) int64 {
	switch f {
	case int64Form:
		return *(*int64)(p)
	case int32Form:
		return int64(*(*int32)(p))
	case int16Form:
		return int64(*(*int16)(p))
	case int8Form:
		return int64(*(*int8)(p))
	case uint32Form:
		return int64(*(*uint32)(p))
	case uint16Form:
		return int64(*(*uint16)(p))
	default:
		return int64(*(*uint8)(p))
	}
}

// slice is how a slice of any type is kept in memory.
type slice struct {
	data     unsafe.Pointer
	len, cap int
}

// entry is one entry of a map. value points to what the map holds, unless it
// holds strings.
type entry struct {
	key   string
	text  string
	value unsafe.Pointer
}

// at returns where the entry's value is.
func (e *entry) at() unsafe.Pointer {
	if e.value == nil {
		return noescape(unsafe.Pointer(&e.text))
	}
	return e.value
}

// fewEntries is how many entries of a map are sorted on the stack.
const fewEntries = 16

// entries appends the entries of the map at p to buf, in bytewise order of keys.
func (e *elem) entries(buf []entry, p unsafe.Pointer) []entry {
	if e.strings {
		// Maps whose keys and values are of string kinds have one layout and
		// one hash function, whatever the types are called.
		m := *(*map[string]string)(p)
		buf = slices.Grow(buf, len(m))
		for key, text := range m {
			buf = append(buf, entry{key: key, text: text})
		}
	} else {
		// The detour over an interface makes m hold the map itself rather than
		// p, which the iterator may take to the heap although it may point into
		// the stack.
		m := reflect.ValueOf(reflect.NewAt(e.mapType, p).Elem().Interface())
		buf = slices.Grow(buf, m.Len())
		values := reflect.MakeSlice(reflect.SliceOf(e.mapType.Elem()), m.Len(), m.Len())
		iter := m.MapRange()
		key := reflect.New(e.mapType.Key()).Elem()
		for i := 0; iter.Next(); i++ {
			key.SetIterKey(iter)
			value := values.Index(i)
			value.SetIterValue(iter)
			buf = append(buf, entry{key: key.String(), value: value.Addr().UnsafePointer()})
		}
	}
	slices.SortFunc(buf, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return buf
}
