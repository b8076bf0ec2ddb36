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

// storeInt sets the integer at p to v. It reports whether v is in the range of the form.
//
//nolint:gosec // it compares what it stored
func storeInt(f form, p unsafe.Pointer, v int64) bool {
	switch f {
	case int64Form:
		*(*int64)(p) = v
	case int32Form:
		*(*int32)(p) = int32(v)
	case int16Form:
		*(*int16)(p) = int16(v)
	case int8Form:
		*(*int8)(p) = int8(v)
	case uint32Form:
		*(*uint32)(p) = uint32(v)
	case uint16Form:
		*(*uint16)(p) = uint16(v)
	default:
		*(*uint8)(p) = uint8(v)
	}
	return loadInt(f, p) == v
}

// slice is the memory layout of a slice of any type.
type slice struct {
	data     unsafe.Pointer
	len, cap int
}

// entry is one entry of a map.
type entry struct {
	key   string
	text  string         // the value, in a map[string]string
	value unsafe.Pointer // points to the value, in other maps
}

// fewEntries is the number of map entries that need no allocation to be sorted.
const fewEntries = 16

// entries appends the entries of the map at p to buf, sorted by the bytes of the keys.
func (e *elem) entries(buf []entry, p unsafe.Pointer) []entry {
	if e.strings {
		m := *(*map[string]string)(p)
		buf = slices.Grow(buf, len(m))
		for key, text := range m {
			buf = append(buf, entry{key: key, text: text})
		}
	} else {
		m := reflect.NewAt(e.mapType, p).Elem()
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
