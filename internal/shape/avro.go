package shape

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"
)

var errNotUTF8 = &FieldError{Found: "found invalid UTF-8", Want: "text in UTF-8"}

// AppendAvro appends the Avro encoding of the value to dst, without framing, and returns the
// extended slice. It writes a list or map as one block with a positive count. The error is a
// [*FieldError]; AppendAvro then returns dst unchanged.
func (t *Type) AppendAvro(dst []byte, r Ref) ([]byte, error) {
	out, fault := appendAvro(dst, t.program.ops, r.p)
	if fault != nil {
		return dst, fault
	}
	return out, nil
}

func appendAvro(dst []byte, ops []op, base unsafe.Pointer) ([]byte, *FieldError) {
	for i := range ops {
		o := &ops[i]
		at := unsafe.Add(base, o.offset)
		if o.validate != nil {
			if err := o.check(at); err != nil {
				return nil, err
			}
		}
		switch o.form {
		case stringForm:
			s := *(*string)(at)
			if !isUTF8(s) {
				return nil, o.fail(errNotUTF8)
			}
			dst = append(appendLong(dst, int64(len(s))), s...)
		case boolean:
			dst = append(dst, *(*byte)(at))
		case int64Form, int32Form, int16Form, int8Form, uint32Form, uint16Form, uint8Form:
			dst = appendLong(dst, loadInt(o.form, at))
		case float64Form:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(*(*float64)(at)))
		case float32Form:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(*(*float32)(at))))
		case bytesForm:
			b := *(*[]byte)(at)
			dst = append(appendLong(dst, int64(len(b))), b...)
		default:
			var err *FieldError
			if dst, err = o.appendAvro(dst, at); err != nil {
				return nil, err
			}
		}
	}
	return dst, nil
}

// appendAvro appends a time, a text, a nullable, a list or a map.
func (o *op) appendAvro(dst []byte, at unsafe.Pointer) ([]byte, *FieldError) {
	switch o.form {
	case timeForm, textForm:
		return o.appendAvroText(dst, at)
	case nullable:
		pointer := *(*unsafe.Pointer)(at)
		if pointer == nil {
			return append(dst, 0), nil
		}
		dst, err := appendAvro(append(dst, 2), o.elem.program.ops, pointer)
		return dst, err.within(o.path)
	case list:
		return o.appendAvroList(dst, *(*slice)(at))
	default:
		return o.appendAvroMap(dst, at)
	}
}

func (o *op) appendAvroText(dst []byte, at unsafe.Pointer) ([]byte, *FieldError) {
	start := len(dst)
	dst, err := o.appendText(append(dst, 0), at)
	if err != nil {
		return nil, err
	}
	// The length precedes the text. One byte is reserved for it, which is enough for most
	// texts.
	var head [binary.MaxVarintLen64]byte
	length := binary.PutVarint(head[:], int64(len(dst)-start-1))
	if length > 1 {
		dst = append(dst, head[1:length]...)
		copy(dst[start+length:], dst[start+1:])
	}
	copy(dst[start:], head[:length])
	return dst, nil
}

// appendText appends the text of a string, of a time or of a type with a text form.
func (o *op) appendText(dst []byte, at unsafe.Pointer) ([]byte, *FieldError) {
	start := len(dst)
	var err error
	switch o.form {
	case timeForm:
		dst, err = AppendTime(dst, *(*time.Time)(at)) // ASCII
	case textForm:
		if dst, err = o.text.appendTo(dst, at); err == nil && !utf8.Valid(dst[start:]) {
			err = errNotUTF8
		}
	default:
		text := *(*string)(at)
		if !isUTF8(text) {
			err = errNotUTF8
		}
		dst = append(dst, text...)
	}
	if err != nil {
		return nil, o.fail(err)
	}
	return dst, nil
}

func (o *op) appendAvroList(dst []byte, items slice) ([]byte, *FieldError) {
	if items.len == 0 {
		return append(dst, 0), nil
	}
	dst = appendLong(dst, int64(items.len))
	for i := range items.len {
		var err *FieldError
		dst, err = appendAvro(dst, o.elem.program.ops, unsafe.Add(items.data, uintptr(i)*o.elem.size))
		if err != nil {
			return nil, o.failItem(i, err)
		}
	}
	return append(dst, 0), nil
}

func (o *op) appendAvroMap(dst []byte, at unsafe.Pointer) ([]byte, *FieldError) {
	var buf [fewEntries]entry
	entries := o.elem.entries(buf[:0], at)
	if len(entries) == 0 {
		return append(dst, 0), nil
	}
	dst = appendLong(dst, int64(len(entries)))
	for i := range entries {
		e := &entries[i]
		if err := o.elem.checkKey(e); err != nil {
			return nil, o.failEntry(err)
		}
		dst = append(appendLong(dst, int64(len(e.key))), e.key...)
		if o.elem.strings {
			if !isUTF8(e.text) {
				return nil, o.failEntry(errNotUTF8)
			}
			dst = append(appendLong(dst, int64(len(e.text))), e.text...)
			continue
		}
		var err *FieldError
		if dst, err = appendAvro(dst, o.elem.program.ops, e.value); err != nil {
			return nil, o.failEntry(err)
		}
	}
	return append(dst, 0), nil
}

// appendLong appends an Avro long: a zigzag varint.
func appendLong(dst []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63) //nolint:gosec // zigzag converts the bits
	if u < 0x80 {
		return append(dst, byte(u))
	}
	return binary.AppendUvarint(dst, u)
}

// check calls the Validate method of the leaf at the given address, if its type has one.
func (o *op) check(at unsafe.Pointer) *FieldError {
	if o.validate == nil {
		return nil
	}
	if err := o.validate.validate(at); err != nil {
		return o.fail(err)
	}
	return nil
}

// fail returns err as a fault of the value of o. An error that is not a *FieldError comes from a
// method of the user's type.
func (o *op) fail(err error) *FieldError {
	if own, ok := err.(*FieldError); ok { //nolint:errorlint // a user's error may wrap one
		return own.within(o.path)
	}
	return &FieldError{Path: o.path, Err: err}
}

func (o *op) failItem(i int, err *FieldError) *FieldError {
	return err.within(o.path + "[" + strconv.Itoa(i) + "]")
}

func (o *op) failEntry(err *FieldError) *FieldError { return err.within(o.path + "[...]") }

// within returns e with path before its own path. It returns nil if e is nil.
func (e *FieldError) within(path string) *FieldError {
	if e == nil {
		return nil
	}
	inside := *e
	inside.Path = joinPath(path, e.Path)
	return &inside
}

// checkKey returns the fault of the key of an entry, or nil.
func (e *elem) checkKey(entry *entry) *FieldError {
	if e.validateKey != nil {
		key := entry.key // a copy, so that the entries do not escape to the heap
		if err := e.validateKey.validate(unsafe.Pointer(&key)); err != nil {
			return &FieldError{Found: "found an invalid key", Err: err}
		}
	}
	if !isUTF8(entry.key) {
		return &FieldError{Found: "found invalid UTF-8 in a key", Want: "text in UTF-8"}
	}
	return nil
}
