package shape

import (
	"encoding/base64"
	"math"
	"strconv"
	"unsafe"
)

var errNotFinite = &FieldError{Found: "found NaN or an infinity", Want: "a finite number"}

// AppendJSON appends the value to dst as a JSON object with wire names, in the order of the
// fields, and returns the extended slice. It writes bytes in standard base64, and times and texts
// as strings. The error is a [*FieldError]; AppendJSON then returns dst unchanged.
func (t *Type) AppendJSON(dst []byte, r Ref) ([]byte, error) {
	out, fault := t.program.appendJSON(dst, r.p)
	if fault != nil {
		return dst, fault
	}
	return out, nil
}

func (p *program) appendJSON(dst []byte, base unsafe.Pointer) ([]byte, *FieldError) {
	for i := range p.ops {
		o := &p.ops[i]
		at := unsafe.Add(base, o.offset)
		err := o.check(at)
		if err == nil {
			dst, err = o.appendJSON(append(dst, o.lead...), at)
		}
		if err != nil {
			return nil, err
		}
	}
	return append(dst, p.tail...), nil
}

func (o *op) appendJSON(dst []byte, at unsafe.Pointer) ([]byte, *FieldError) {
	switch o.form {
	case boolean:
		return strconv.AppendBool(dst, *(*bool)(at)), nil
	case int64Form, int32Form, int16Form, int8Form, uint32Form, uint16Form, uint8Form:
		return strconv.AppendInt(dst, loadInt(o.form, at), 10), nil
	case float64Form:
		return o.appendJSONFloat(dst, *(*float64)(at), 64)
	case float32Form:
		return o.appendJSONFloat(dst, float64(*(*float32)(at)), 32)
	case bytesForm:
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), *(*[]byte)(at))
		return append(dst, '"'), nil
	case stringForm:
		s := *(*string)(at)
		if !isUTF8(s) {
			return nil, o.fail(errNotUTF8)
		}
		return appendJSONString(dst, s), nil
	case timeForm, textForm:
		return o.appendJSONText(dst, at)
	case nullable:
		pointer := *(*unsafe.Pointer)(at)
		if pointer == nil {
			return append(dst, "null"...), nil
		}
		dst, err := o.elem.program.appendJSON(dst, pointer)
		return dst, err.within(o.path)
	case list:
		return o.appendJSONList(dst, *(*slice)(at))
	default:
		return o.appendJSONMap(dst, at)
	}
}

// appendJSONFloat appends v in the form of JavaScript and encoding/json.
func (o *op) appendJSONFloat(dst []byte, v float64, bits int) ([]byte, *FieldError) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil, o.fail(errNotFinite)
	}
	abs := math.Abs(v)
	tiny, huge := abs < 1e-6, abs >= 1e21
	if bits == 32 {
		tiny, huge = float32(abs) < 1e-6, float32(abs) >= 1e21
	}
	if abs == 0 || !tiny && !huge {
		return strconv.AppendFloat(dst, v, 'f', -1, bits), nil
	}
	dst = strconv.AppendFloat(dst, v, 'e', -1, bits)
	if n := len(dst); dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 is e-9
		dst = dst[:n-1]
	}
	return dst, nil
}

func (o *op) appendJSONText(dst []byte, at unsafe.Pointer) ([]byte, *FieldError) {
	start := len(dst) + 1
	dst, err := o.appendText(append(dst, '"'), at)
	if err != nil {
		return nil, err
	}
	for i := start; i < len(dst); i++ {
		if mustEscape(dst[i]) {
			// Append the rest again with escapes, from a copy.
			rest := string(dst[i:])
			return append(appendEscaped(dst[:i], rest), '"'), nil
		}
	}
	return append(dst, '"'), nil
}

func (o *op) appendJSONList(dst []byte, items slice) ([]byte, *FieldError) {
	dst = append(dst, '[')
	for i := range items.len {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err *FieldError
		dst, err = o.elem.program.appendJSON(dst, unsafe.Add(items.data, uintptr(i)*o.elem.size))
		if err != nil {
			return nil, o.failItem(i, err)
		}
	}
	return append(dst, ']'), nil
}

func (o *op) appendJSONMap(dst []byte, at unsafe.Pointer) ([]byte, *FieldError) {
	var buf [fewEntries]entry
	entries := o.elem.entries(buf[:0], at)
	dst = append(dst, '{')
	for i := range entries {
		e := &entries[i]
		if err := o.elem.checkKey(e); err != nil {
			return nil, o.failEntry(err)
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, e.key), ':')
		if o.elem.strings {
			if !isUTF8(e.text) {
				return nil, o.failEntry(errNotUTF8)
			}
			dst = appendJSONString(dst, e.text)
			continue
		}
		var err *FieldError
		if dst, err = o.elem.program.appendJSON(dst, e.value); err != nil {
			return nil, o.failEntry(err)
		}
	}
	return append(dst, '}'), nil
}

// appendJSONString appends s in quotes. s must be valid UTF-8.
func appendJSONString(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped appends s with only the escapes that JSON requires.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for i := range len(s) {
		c := s[i]
		switch {
		case !mustEscape(c):
			dst = append(dst, c)
		case c == '"', c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

func mustEscape(c byte) bool { return c < ' ' || c == '"' || c == '\\' }
