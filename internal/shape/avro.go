package shape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"
)

var errNotUTF8 = errors.New("found bytes that are not UTF-8, want text in UTF-8")

// AppendAvro appends the Avro encoding of the value to dst, without any framing.
// Lists and maps are one block with a positive count. The error is a
// [*ValueError]; dst is then returned as it was.
func (t *Type) AppendAvro(dst []byte, r Ref) ([]byte, error) {
	return t.AppendAvroWithKeys(dst, r, nil, nil)
}

// Span is a part of encoded bytes: from From up to To.
type Span struct{ From, To int }

// AppendAvroWithKeys is AppendAvro and sets at[i] to where keys[i] is in the
// bytes returned: what Avro writes for a field of a record is what it writes for
// the field alone, so that a key needs no encoding of its own. The keys are of t,
// in its order, see [Key.Compare]; at has as many elements.
func (t *Type) AppendAvroWithKeys(dst []byte, r Ref, keys []*Key, at []Span) ([]byte, error) {
	out, next := dst, 0
	var fault *ValueError
	for i, k := range keys {
		if out, fault = appendAvro(out, t.program.ops[next:k.op], r.p); fault != nil {
			return dst, fault
		}
		at[i].From, next = len(out), k.op+1
		if out, fault = appendAvro(out, t.program.ops[k.op:next], r.p); fault != nil {
			return dst, fault
		}
		at[i].To = len(out)
	}
	if out, fault = appendAvro(out, t.program.ops[next:], r.p); fault != nil {
		return dst, fault
	}
	return out, nil
}

func appendAvro(dst []byte, ops []op, base unsafe.Pointer) ([]byte, *ValueError) {
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
			var err *ValueError
			if dst, err = o.appendAvro(dst, at); err != nil {
				return nil, err
			}
		}
	}
	return dst, nil
}

// appendAvro writes the forms that are more than a load and a store.
func (o *op) appendAvro(dst []byte, at unsafe.Pointer) ([]byte, *ValueError) {
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

func (o *op) appendAvroText(dst []byte, at unsafe.Pointer) ([]byte, *ValueError) {
	start := len(dst)
	dst, err := o.appendText(append(dst, 0), at)
	if err != nil {
		return nil, err
	}
	// The length goes before the text. For most texts it takes the byte that
	// was left for it.
	var head [binary.MaxVarintLen64]byte
	length := binary.PutVarint(head[:], int64(len(dst)-start-1))
	if length > 1 {
		dst = append(dst, head[1:length]...)
		copy(dst[start+length:], dst[start+1:])
	}
	copy(dst[start:], head[:length])
	return dst, nil
}

// appendText appends the text of a string, a time or a type with a text form.
func (o *op) appendText(dst []byte, at unsafe.Pointer) ([]byte, *ValueError) {
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

func (o *op) appendAvroList(dst []byte, items slice) ([]byte, *ValueError) {
	if items.len == 0 {
		return append(dst, 0), nil
	}
	dst = appendLong(dst, int64(items.len))
	for i := range items.len {
		var err *ValueError
		dst, err = appendAvro(dst, o.elem.program.ops, unsafe.Add(items.data, uintptr(i)*o.elem.size))
		if err != nil {
			return nil, o.failItem(i, err)
		}
	}
	return append(dst, 0), nil
}

func (o *op) appendAvroMap(dst []byte, at unsafe.Pointer) ([]byte, *ValueError) {
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
		var err *ValueError
		dst, err = appendAvro(dst, o.elem.program.ops, e.at())
		if err != nil {
			return nil, o.failEntry(err)
		}
	}
	return append(dst, 0), nil
}

// appendLong appends an Avro long: zigzag, then seven bits a byte.
func appendLong(dst []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63) //nolint:gosec // zigzag means the bits, not the number
	if u < 0x80 {
		return append(dst, byte(u))
	}
	return binary.AppendUvarint(dst, u)
}

// check asks the leaf at whether it is valid.
func (o *op) check(at unsafe.Pointer) *ValueError {
	if o.validate == nil {
		return nil
	}
	if err := o.validate.of(at).Validate(); err != nil {
		return o.fail(err)
	}
	return nil
}

// fail reports a fault of the value of o.
func (o *op) fail(err error) *ValueError { return &ValueError{Path: o.path, Err: err} }

func (o *op) failItem(i int, err *ValueError) *ValueError {
	return err.within(o.path + "[" + strconv.Itoa(i) + "]")
}

func (o *op) failEntry(err *ValueError) *ValueError { return err.within(o.path + "[...]") }

// within returns the fault of a value that is found at path. No fault stays none.
func (e *ValueError) within(path string) *ValueError {
	if e == nil {
		return nil
	}
	return &ValueError{Path: joinPath(path, e.Path), Err: e.Err}
}

// checkKey reports what is wrong with the key of an entry.
func (e *elem) checkKey(entry *entry) *ValueError {
	if e.validateKey != nil {
		if err := e.validateKey.of(noescape(unsafe.Pointer(&entry.key))).Validate(); err != nil {
			return &ValueError{Err: fmt.Errorf("key: %w", err)}
		}
	}
	if !isUTF8(entry.key) {
		return &ValueError{Err: fmt.Errorf("key: %w", errNotUTF8)}
	}
	return nil
}
