package shape

import (
	"encoding"
	"encoding/binary"
	"math"
	"reflect"
	"time"
	"unsafe"
)

// The bounds of a value. See docs/security.md.
const (
	spareMemory   = 1 << 20 // bytes that every value may allocate, in addition to memoryPerByte for each of its bytes
	memoryPerByte = 64
	maxEmptyItems = 1 << 16 // items of lists that take no bytes
	maxSkipDepth  = 64      // levels of a skipped value
)

var (
	errEnd      = &FieldError{Found: "found the end of the bytes", Want: "the rest of the value"}
	errTrailing = &FieldError{Found: "found bytes after the value", Want: "only the value"}
	errLong     = &FieldError{Found: "found a number of more than 64 bits", Want: "a long"}
	errBoolean  = &FieldError{Found: "found a byte that is not a boolean", Want: "0 or 1"}
	errLength   = &FieldError{Found: "found a length that the bytes cannot have", Want: "at most the bytes that are left"}
	errCount    = &FieldError{Found: "found more items than the bytes can hold", Want: "at most the bytes that are left"}
	errEmpty    = &FieldError{Found: "found too many items that take no bytes", Want: "at most 65536"}
	errMemory   = &FieldError{Found: "found a value that takes too much memory", Want: "at most 1 MiB and 64 times its bytes"}
	errBranch   = &FieldError{Found: "found a branch that the union does not have", Want: "a branch of the union"}
	errSymbol   = &FieldError{Found: "found a symbol that the enum does not have", Want: "a symbol of the enum"}
	errDepth    = &FieldError{Found: "found values nested too deeply in a skipped field", Want: "at most 64 levels"}
	errFloat32  = &FieldError{Found: "found a number out of range", Want: "the range of float32"}
	errKeyUTF8  = &FieldError{Found: "found invalid UTF-8 in a key", Want: "text in UTF-8"}
)

// Decode decodes data, one value in Avro's binary encoding without framing, into dst, which must be
// the zero value of the compiled type. All strings of dst share one copy of data. Empty lists and maps
// are not nil. Of equal keys of a map, the last one counts. Decode does not call Validate methods.
//
// The error is a [*FieldError] with the first fault of data. The content of dst is then undefined.
// Any bytes are safe to decode: the size of data bounds the time. The memory is at most 1 MiB and 64
// times the size, besides one copy of data and what UnmarshalText methods allocate.
func (r *AvroReader) Decode(data []byte, dst Ref) error { return r.decode(string(data), dst) }

// DecodeShared is Decode without the copy: all strings of dst share the memory of data, which must not change any more.
func (r *AvroReader) DecodeShared(data []byte, dst Ref) error {
	return r.decode(unsafe.String(unsafe.SliceData(data), len(data)), dst)
}

func (r *AvroReader) decode(text string, dst Ref) error {
	v := valueReader{text: text, memory: spareMemory + memoryPerByte*uintptr(len(text)), emptyItems: maxEmptyItems, optionalTimes: r.optionalTimes}
	end, fault := v.read(r.steps, dst.p, 0)
	switch {
	case fault != nil:
		return fault
	case end < len(text):
		return errTrailing
	default:
		return nil
	}
}

// valueReader reads one value. Its methods get the position of the next byte and return the position
// after the value.
type valueReader struct {
	text       string  // the copy of the bytes
	memory     uintptr // bytes that may still be allocated
	emptyItems int64   // items without bytes that may still come

	times         []time.Time // memory for optional times, of which an event often has several
	optionalTimes int         // how many to allocate together
}

// allocate reports whether size more bytes may be allocated.
func (v *valueReader) allocate(size uintptr) bool {
	if size > v.memory {
		return false
	}
	v.memory -= size
	return true
}

func (v *valueReader) read(steps []step, base unsafe.Pointer, pos int) (int, *FieldError) {
	text := v.text
	for i := range steps {
		s := &steps[i]
		at := unsafe.Add(base, s.offset)
		var fault *FieldError
		switch s.action {
		case readString:
			*(*string)(at), pos, fault = readUTF8(text, pos)
		case readLong:
			*(*int64)(at), pos, fault = long(text, pos)
		case readBoolean:
			*(*bool)(at), pos, fault = readBool(text, pos)
		case readTime:
			var part string
			if part, pos, fault = readPart(text, pos); fault == nil {
				*(*time.Time)(at), fault = parseTime(part)
			}
		case readUnion:
			pos, fault = v.union(s, at, pos)
		default:
			pos, fault = v.readOther(s, at, pos)
		}
		if fault != nil {
			return 0, fault.within(s.path)
		}
	}
	return pos, nil
}

// readOther reads the less frequent values.
func (v *valueReader) readOther(s *step, at unsafe.Pointer, pos int) (int, *FieldError) {
	switch s.action {
	case readInteger:
		n, next, fault := long(v.text, pos)
		if fault == nil && !storeInt(s.form, at, n) {
			fault = &FieldError{Found: "found an integer out of range", Want: "the range of " + s.node.goType.Kind().String()}
		}
		return next, fault
	case readDouble, readNarrow, readFloat:
		return v.float(s, at, pos)
	case readBytes:
		return v.bytes(at, pos)
	case readText:
		return v.unmarshalText(s, at, pos)
	case readPresent:
		return v.choose(s, &s.choices[0], at, pos)
	case readList:
		return v.list(s, at, pos)
	case readMap:
		return v.mapping(s, at, pos)
	default:
		next, fault := skipValue(v.text, s.skipped, pos, 1)
		return next, fault.within(s.name)
	}
}

func (v *valueReader) float(s *step, at unsafe.Pointer, pos int) (int, *FieldError) {
	size := 8
	if s.action == readFloat {
		size = 4
	}
	if len(v.text)-pos < size {
		return 0, errEnd
	}
	b := []byte(v.text[pos : pos+size])
	var value float64
	if size == 4 {
		value = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	} else {
		value = math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	if s.form == float64Form {
		*(*float64)(at) = value
		return pos + size, nil
	}
	narrow := float32(value)
	if math.IsInf(float64(narrow), 0) && !math.IsInf(value, 0) {
		return 0, errFloat32
	}
	*(*float32)(at) = narrow
	return pos + size, nil
}

// bytes reads bytes into memory of their own, since the receiver may change them.
func (v *valueReader) bytes(at unsafe.Pointer, pos int) (int, *FieldError) {
	part, next, fault := readPart(v.text, pos)
	if fault == nil && !v.allocate(uintptr(len(part))) {
		fault = errMemory
	}
	if fault == nil {
		*(*[]byte)(at) = []byte(part)
	}
	return next, fault
}

// unmarshalText calls UnmarshalText with a copy of the text. Its error may quote the text, so it is
// not part of the fault.
func (v *valueReader) unmarshalText(s *step, at unsafe.Pointer, pos int) (int, *FieldError) {
	text, next, fault := readUTF8(v.text, pos)
	if fault == nil && !v.allocate(uintptr(len(text))) {
		fault = errMemory
	}
	if fault != nil {
		return 0, fault
	}
	u, _ := reflect.TypeAssert[encoding.TextUnmarshaler](reflect.NewAt(s.node.goType, at))
	if err := u.UnmarshalText([]byte(text)); err != nil {
		return 0, &FieldError{Found: "found a string that is not a valid " + s.node.goType.String()}
	}
	return next, nil
}

func (v *valueReader) union(s *step, at unsafe.Pointer, pos int) (int, *FieldError) {
	n, next, fault := long(v.text, pos)
	if fault == nil && uint64(n) >= uint64(len(s.choices)) { //nolint:gosec // a negative number is too large then
		fault = errBranch
	}
	if fault != nil {
		return 0, fault
	}
	return v.choose(s, &s.choices[n], at, next)
}

// choose reads the value of one branch of a union.
func (v *valueReader) choose(s *step, b *branch, at unsafe.Pointer, pos int) (int, *FieldError) {
	switch {
	case s.form == nullable && b.kind == nullKind:
		return pos, nil
	case b.value == nil:
		return 0, &FieldError{Found: "found " + b.kind.String(), Want: wanted(s.node)}
	case s.form == nullable:
		if !v.allocate(b.value.size) {
			return 0, errMemory
		}
		value := v.newValue(b.value)
		*(*unsafe.Pointer)(at) = value
		at = value
	}
	return v.read(b.value.steps, at, pos)
}

// newValue returns memory for a value of a nullable.
func (v *valueReader) newValue(e *readElem) unsafe.Pointer {
	if !e.isTime {
		return reflect.New(e.goType).UnsafePointer()
	}
	if len(v.times) == 0 {
		v.times = make([]time.Time, v.optionalTimes)
	}
	t := &v.times[0]
	v.times = v.times[1:]
	return unsafe.Pointer(t)
}

// long reads a zigzag varint.
func long(text string, pos int) (int64, int, *FieldError) {
	if pos < len(text) && text[pos] < 0x80 {
		u := uint64(text[pos])
		return int64(u>>1) ^ -int64(u&1), pos + 1, nil
	}
	return longOfSeveralBytes(text, pos)
}

func longOfSeveralBytes(text string, pos int) (int64, int, *FieldError) {
	var u uint64
	for shift := 0; shift < 70; shift += 7 {
		if pos == len(text) {
			return 0, 0, errEnd
		}
		b := text[pos]
		pos++
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if shift == 63 && b > 1 {
				break
			}
			return int64(u>>1) ^ -int64(u&1), pos, nil
		}
	}
	return 0, 0, errLong
}

func readBool(text string, pos int) (bool, int, *FieldError) {
	switch {
	case pos == len(text):
		return false, 0, errEnd
	case text[pos] > 1:
		return false, 0, errBoolean
	default:
		return text[pos] == 1, pos + 1, nil
	}
}

// readPart reads a length and returns as many bytes.
func readPart(text string, pos int) (string, int, *FieldError) {
	n, pos, fault := long(text, pos)
	switch {
	case fault != nil:
		return "", 0, fault
	case uint64(n) > uint64(len(text)-pos): //nolint:gosec // a negative number is too large then
		return "", 0, errLength
	default:
		end := pos + int(n)
		return text[pos:end], end, nil
	}
}

func readUTF8(text string, pos int) (string, int, *FieldError) {
	part, pos, fault := readPart(text, pos)
	if fault == nil && !isUTF8(part) {
		return "", 0, errNotUTF8
	}
	return part, pos, fault
}
