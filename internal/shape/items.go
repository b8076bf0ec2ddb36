package shape

import (
	"reflect"
	"strconv"
	"unsafe"
)

// block reads the header of a block of items, each of which takes at least minBytes. The count is 0
// after the last block. size is -1 unless the header has the size of the block in bytes, which lets the
// caller skip the block.
func block(text string, pos int, minBytes int64) (count int64, next, size int, fault *FieldError) {
	count, pos, fault = long(text, pos)
	size = -1
	left := int64(len(text) - pos)
	if fault == nil && count < 0 {
		var bytes int64
		bytes, pos, fault = long(text, pos)
		left = int64(len(text) - pos)
		if fault == nil && (bytes < 0 || bytes > left) {
			fault = errLength
		}
		count, size = -count, int(bytes)
	}
	switch {
	case fault != nil:
	case count < 0, minBytes > 0 && count > left/minBytes: // -1<<63 is its own negative
		fault = errCount
	}
	return count, pos, size, fault
}

// items reads the header of a block of items to be read.
func (v *valueReader) items(minBytes int64, pos int) (int, int, *FieldError) {
	count, pos, _, fault := block(v.text, pos, minBytes)
	if fault == nil && minBytes == 0 {
		if count > v.emptyItems {
			return 0, 0, errEmpty
		}
		v.emptyItems -= count
	}
	return int(count), pos, fault
}

func (v *valueReader) list(s *step, at unsafe.Pointer, pos int) (int, *FieldError) {
	*(*[]struct{})(at) = []struct{}{} // an empty list is not nil
	dst := reflect.NewAt(s.node.goType, at).Elem()
	for {
		count, next, fault := v.items(s.elem.minBytes, pos)
		if fault != nil || count == 0 {
			return next, fault
		}
		if !v.allocate(uintptr(count) * s.elem.size) {
			return 0, errMemory
		}
		first := dst.Len()
		dst.Grow(count)
		dst.SetLen(first + count)
		items := (*slice)(at)
		for i := first; i < items.len; i++ {
			next, fault = v.read(s.elem.steps, unsafe.Add(items.data, uintptr(i)*s.elem.size), next)
			if fault != nil {
				return 0, fault.within("[" + strconv.Itoa(i) + "]")
			}
		}
		pos = next
	}
}

// The memory of a map. Its table is partly empty.
const (
	emptyMapBytes = 48
	tableFactor   = 2
	stringBytes   = unsafe.Sizeof("")
)

func (v *valueReader) mapping(s *step, at unsafe.Pointer, pos int) (int, *FieldError) {
	if !v.allocate(emptyMapBytes) {
		return 0, errMemory
	}
	entries := newEntries(s, at)
	for {
		count, next, fault := v.items(1+s.elem.minBytes, pos)
		if fault != nil || count == 0 {
			return next, fault
		}
		for range count {
			if !v.allocate(tableFactor * (stringBytes + s.elem.size)) {
				return 0, errMemory
			}
			if next, fault = v.entry(s, &entries, next); fault != nil {
				return 0, fault.within("[...]")
			}
		}
		pos = next
	}
}

// entries is a map to read entries into.
type entries struct {
	texts      map[string]string // if the map is of this type
	any        reflect.Value     // otherwise
	key, value reflect.Value     // reused for each entry of any
}

// newEntries sets the map at the given address to an empty one.
func newEntries(s *step, at unsafe.Pointer) entries {
	if s.node.goType == reflect.TypeFor[map[string]string]() && s.elem.steps[0].action == readString {
		texts := map[string]string{}
		*(*map[string]string)(at) = texts
		return entries{texts: texts}
	}
	t := s.node.goType
	made := reflect.MakeMap(t)
	reflect.NewAt(t, at).Elem().Set(made)
	return entries{any: made}
}

func (v *valueReader) entry(s *step, e *entries, pos int) (int, *FieldError) {
	key, pos, fault := readPart(v.text, pos)
	switch {
	case fault != nil:
		return 0, fault
	case !isUTF8(key):
		return 0, errKeyUTF8
	case e.texts != nil:
		e.texts[key], pos, fault = readUTF8(v.text, pos)
		return pos, fault
	}
	if !e.key.IsValid() { // an empty map does not need them
		t := s.node.goType
		e.key, e.value = reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
	}
	e.value.SetZero()
	if pos, fault = v.read(s.elem.steps, e.value.Addr().UnsafePointer(), pos); fault != nil {
		return 0, fault
	}
	e.key.SetString(key)
	e.any.SetMapIndex(e.key, e.value)
	return pos, nil
}
