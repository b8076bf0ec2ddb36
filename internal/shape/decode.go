package shape

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"reflect"
	"slices"
	"strconv"

	"github.com/signalcast/signalcast/internal/jsonpos"
	"github.com/signalcast/signalcast/internal/nearest"
)

// maxFaults is the largest number of faults that are reported for one type or text.
const maxFaults = 1000

// DecodeJSON decodes a JSON object with wire names into dst, a settable struct of the compiled
// type. It accepts the form that [Type.AppendJSON] writes, with the fields in any order. Unknown,
// duplicate and missing fields, null for a value that is not nullable, integers out of range or
// with a fraction, and invalid UTF-8 are faults. A nullable, a list or a map may be missing;
// DecodeJSON sets it to nil. It does not change fields with the tag "-" and does not call
// Validate methods.
//
// The error is a [*DecodeError] with the faults of the text. The content of dst is then
// undefined.
func (t *Type) DecodeJSON(data []byte, dst reflect.Value) error {
	d := decoder{text: jsonpos.NewReader(data)}
	d.value(t.root, "", d.text.Next(), dst)
	d.text.Next() // reads to the end
	if err := d.text.Err(); err != nil {
		d.fault("", err.Position, "found "+err.Found, err.Want)
	}
	if len(d.faults) > 0 {
		return &DecodeError{Fields: d.faults}
	}
	return nil
}

// decoder decodes one text. After a fault it continues with the next value. After a syntax error,
// or maxFaults faults, it stops. It recurses at most as deep as the type.
type decoder struct {
	text   *jsonpos.Reader
	faults []FieldError
}

func (d *decoder) fault(path string, at jsonpos.Position, found, want string) {
	d.add(at, FieldError{Path: path, Found: found, Want: want})
}

func (d *decoder) add(at jsonpos.Position, fault FieldError) {
	if len(d.faults) < maxFaults {
		fault.Line, fault.Column = at.Line, at.Column
		d.faults = append(d.faults, fault)
	}
}

// next returns the next token. It returns End after maxFaults faults.
func (d *decoder) next() jsonpos.Token {
	if len(d.faults) == maxFaults {
		return jsonpos.Token{Kind: jsonpos.End}
	}
	return d.text.Next()
}

// value decodes the value at path, whose first token is token, into dst.
func (d *decoder) value(n *node, path string, token jsonpos.Token, dst reflect.Value) {
	if n.form == nullable {
		if token.Kind == jsonpos.Null {
			dst.SetZero()
			return
		}
		dst.Set(reflect.New(n.elem.goType))
		d.value(n.elem, path, token, dst.Elem())
		return
	}
	kind, want := jsonKind(n.form)
	switch {
	case token.Kind == jsonpos.End: // DecodeJSON reports the syntax error
	case token.Kind != kind:
		d.fault(path, token.Position, "found "+token.Kind.String(), want)
		d.text.Skip(token)
	case token.Fault != "":
		d.fault(path, token.Position, "found "+token.Fault, "text in UTF-8")
	case n.form == record:
		d.record(n, path, dst)
	case n.form == list:
		d.list(n, path, dst)
	case n.form == mapping:
		d.mapping(n, path, dst)
	default:
		if found, want := setLeaf(n, token.Text, dst); found != "" {
			d.fault(path, token.Position, "found "+found, want)
		}
	}
}

// jsonKind returns the kind of JSON value for a form, and the phrase for it in messages.
func jsonKind(f form) (jsonpos.Kind, string) {
	switch f {
	case boolean:
		return jsonpos.Bool, jsonpos.Bool.String()
	case int64Form, int32Form, int16Form, int8Form, uint32Form, uint16Form, uint8Form:
		return jsonpos.Number, "an integer"
	case float64Form, float32Form:
		return jsonpos.Number, jsonpos.Number.String()
	case list:
		return jsonpos.ArrayStart, jsonpos.ArrayStart.String()
	case record, mapping:
		return jsonpos.ObjectStart, jsonpos.ObjectStart.String()
	case bytesForm:
		return jsonpos.String, "a string in standard base64"
	case timeForm:
		return jsonpos.String, "a string with a time"
	case stringForm, textForm, nullable:
	}
	return jsonpos.String, jsonpos.String.String()
}

func (d *decoder) record(n *node, path string, dst reflect.Value) {
	seen := make([]bool, len(n.fields))
	token := d.next()
	for ; token.Kind == jsonpos.Name; token = d.next() {
		i := slices.IndexFunc(n.fields, func(f field) bool { return f.name == token.Text })
		switch {
		case i < 0:
			d.unknown(n, path, token)
		case seen[i]:
			d.fault(joinPath(path, token.Text), token.Position, "duplicate key", "")
		default:
			seen[i] = true
			f := &n.fields[i]
			d.value(f.node, joinPath(path, f.name), d.next(), dst.FieldByIndex(f.index))
			continue
		}
		d.text.Skip(d.next())
	}
	if token.Kind == jsonpos.End {
		return
	}
	for i := range n.fields {
		if f := &n.fields[i]; !seen[i] {
			d.missing(f, path, token.Position, dst.FieldByIndex(f.index))
		}
	}
}

func (d *decoder) unknown(n *node, path string, name jsonpos.Token) {
	d.add(name.Position, FieldError{
		Path: path, Found: "unknown field " + shown(name.Text), Nearest: nearest.Name(name.Text, slices.Values(n.names())),
	})
}

func (d *decoder) missing(f *field, path string, end jsonpos.Position, dst reflect.Value) {
	switch f.node.form {
	case nullable, list, mapping:
		dst.SetZero()
	default:
		_, want := jsonKind(f.node.form)
		d.fault(joinPath(path, f.name), end, "missing", want)
	}
}

func (d *decoder) list(n *node, path string, dst reflect.Value) {
	dst.Set(reflect.MakeSlice(n.goType, 0, 0))
	for token := d.next(); token.Kind != jsonpos.ArrayEnd && token.Kind != jsonpos.End; token = d.next() {
		i := dst.Len()
		dst.Grow(1)
		dst.SetLen(i + 1)
		d.value(n.elem, path+"["+strconv.Itoa(i)+"]", token, dst.Index(i))
	}
}

func (d *decoder) mapping(n *node, path string, dst reflect.Value) {
	dst.Set(reflect.MakeMap(n.goType))
	path += "[...]"
	for name := d.next(); name.Kind == jsonpos.Name; name = d.next() {
		key := reflect.ValueOf(name.Text).Convert(n.goType.Key())
		value := reflect.New(n.elem.goType).Elem()
		switch {
		case name.Fault != "":
			d.fault(path, name.Position, "found "+name.Fault+" in a key", "text in UTF-8")
		case dst.MapIndex(key).IsValid():
			d.fault(path, name.Position, "duplicate key", "")
		}
		d.value(n.elem, path, d.next(), value)
		dst.SetMapIndex(key, value)
	}
}

// setLeaf sets dst to the value of text, which is a literal or the content of a string. If text
// is not a value of the leaf, setLeaf returns what was found, without text, and what is allowed.
func setLeaf(n *node, text string, dst reflect.Value) (found, want string) {
	switch n.form {
	case boolean:
		dst.SetBool(text == "true")
	case int64Form, int32Form, int16Form, int8Form:
		v, err := strconv.ParseInt(text, 10, dst.Type().Bits())
		if err != nil {
			return notInteger(text, dst.Type())
		}
		dst.SetInt(v)
	case uint32Form, uint16Form, uint8Form:
		v, err := strconv.ParseUint(text, 10, dst.Type().Bits())
		if err != nil && text != "-0" {
			return notInteger(text, dst.Type())
		}
		dst.SetUint(v)
	case float64Form, float32Form:
		v, err := strconv.ParseFloat(text, dst.Type().Bits())
		if err != nil {
			return "a number out of range", "the range of " + dst.Kind().String()
		}
		dst.SetFloat(v)
	case bytesForm:
		return setBytes(text, dst)
	case timeForm:
		t, err := ParseTime(text)
		if err != nil {
			return "a string that is not a time", wantTime
		}
		dst.Set(reflect.ValueOf(t))
	case textForm:
		return setText(n, text, dst)
	default:
		dst.SetString(text)
	}
	return "", ""
}

func notInteger(text string, want reflect.Type) (string, string) {
	if bytes.ContainsAny([]byte(text), ".eE") {
		return "a number with a fraction or exponent", "an integer"
	}
	return "an integer out of range", "the range of " + want.Kind().String()
}

func setBytes(text string, dst reflect.Value) (found, want string) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(text) { // DecodeString ignores line breaks
		return "a string that is not base64", "standard base64 with padding"
	}
	dst.SetBytes(b)
	return "", ""
}

func setText(n *node, text string, dst reflect.Value) (found, want string) {
	if !n.text.decodes {
		return "a string for " + n.goType.String() + ", which does not declare UnmarshalText", "a type that declares UnmarshalText"
	}
	u, _ := reflect.TypeAssert[encoding.TextUnmarshaler](dst.Addr())
	if err := u.UnmarshalText([]byte(text)); err != nil {
		return "a string that is not a valid " + n.goType.String(), ""
	}
	return "", ""
}
