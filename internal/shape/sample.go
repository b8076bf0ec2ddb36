package shape

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strconv"
)

// sampler is a type of values that has an example. It is a type with a text form, or a string
// type.
type sampler interface{ Sample() string }

// Sample returns event data in the form of [Type.AppendJSON], for docs and trials. Every field
// has a value. A type with a method Sample() string has its result; other texts and times are fixed. The
// result may be invalid if a type has a method Validate and no method Sample.
func (t *Type) Sample() []byte { return appendSample(nil, t.root) }

func appendSample(b []byte, n *node) []byte {
	switch n.form {
	case boolean:
		return append(b, "true"...)
	case int64Form, int32Form, int16Form, int8Form, uint32Form, uint16Form, uint8Form:
		return append(b, '1')
	case float64Form, float32Form:
		return append(b, "1.5"...)
	case bytesForm:
		return strconv.AppendQuote(b, base64.StdEncoding.EncodeToString([]byte("bytes")))
	case timeForm:
		return append(b, `"2026-01-02T03:04:05+00:00"`...)
	case stringForm, textForm:
		text, _ := json.Marshal(sampleText(n.goType)) // a string has a JSON form
		return append(b, text...)
	case nullable:
		return appendSample(b, n.elem)
	case list:
		return append(appendSample(append(b, '['), n.elem), ']')
	case mapping:
		return append(appendSample(append(b, `{"name":`...), n.elem), '}')
	default: // record
		b = append(b, '{')
		for i, f := range n.fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(strconv.AppendQuote(b, f.name), ':')
			b = appendSample(b, f.node)
		}
		return append(b, '}')
	}
}

// sampleText returns the text of an example of type t.
func sampleText(t reflect.Type) string {
	value := reflect.New(t)
	if s, ok := value.Interface().(sampler); ok {
		return s.Sample()
	}
	if m, ok := value.Interface().(encoding.TextMarshaler); ok {
		if text, err := m.MarshalText(); err == nil {
			return string(text)
		}
	}
	return "text"
}
