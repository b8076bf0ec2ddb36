package shape

import (
	"encoding"
	"errors"
	"reflect"
	"unsafe"
)

// validator is implemented by leaf types that restrict their values.
type validator interface{ Validate() error }

// method gives access to the method of interface I on leaves of one type.
type method[I any] struct {
	goType reflect.Type
	copies bool // the method has a pointer receiver; it gets a copy, which it may change
}

// methodOf returns the method of I on t or *t, or nil if neither has it.
func methodOf[I any](t reflect.Type) *method[I] {
	want := reflect.TypeFor[I]()
	switch {
	case t.Kind() == reflect.Interface, t.Kind() == reflect.Pointer:
		return nil
	case t.Implements(want):
		return &method[I]{goType: t}
	case reflect.PointerTo(t).Implements(want):
		return &method[I]{goType: t, copies: true}
	default:
		return nil
	}
}

// on returns the leaf at p as an I. The I holds a pointer, which needs no allocation. A method
// with a value receiver gets a copy of the leaf.
func (m *method[I]) on(p unsafe.Pointer) I {
	leaf := reflect.NewAt(m.goType, p)
	if m.copies {
		original := leaf.Elem()
		leaf = reflect.New(m.goType)
		leaf.Elem().Set(original)
	}
	i, _ := reflect.TypeAssert[I](leaf)
	return i
}

// textMethods is the text form of a type.
type textMethods struct {
	appendText  *method[encoding.TextAppender] // used if it is not nil
	marshalText *method[encoding.TextMarshaler]
	decodes     bool // whether the type has UnmarshalText
}

// textMethodsOf returns the text form of t, or nil if t has no text form. embedded is the type
// of an embedded field that has a text form, or nil. A method of t can then be that of the field;
// reflection cannot tell. The methods of an anonymous struct type are always those of its
// fields.
func textMethodsOf(t reflect.Type) (m *textMethods, embedded reflect.Type) {
	if t.Name() == "" && t.Kind() == reflect.Struct {
		return nil, nil
	}
	appendText, marshalText := methodOf[encoding.TextAppender](t), methodOf[encoding.TextMarshaler](t)
	if appendText == nil && marshalText == nil {
		return nil, nil
	}
	m = &textMethods{appendText: appendText, marshalText: marshalText}
	m.decodes = reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) &&
		embeds[encoding.TextUnmarshaler](t) == nil
	if embedded = embeds[encoding.TextAppender](t); embedded == nil {
		embedded = embeds[encoding.TextMarshaler](t)
	}
	return m, embedded
}

// embeds returns the type of the first embedded field of t that implements I, or nil.
func embeds[I any](t reflect.Type) reflect.Type {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		if f.Anonymous && (f.Type.Implements(reflect.TypeFor[I]()) || reflect.PointerTo(f.Type).Implements(reflect.TypeFor[I]())) {
			return f.Type
		}
	}
	return nil
}

// hasTextForm reports whether t has a text form.
func hasTextForm(t reflect.Type) bool {
	m, _ := textMethodsOf(t)
	return m != nil
}

var errShortText = errors.New("AppendText returned fewer bytes than it received")

// appendTo appends the text of the leaf at p.
func (m *textMethods) appendTo(dst []byte, p unsafe.Pointer) ([]byte, error) {
	if m.appendText != nil {
		text, err := m.appendText.on(p).AppendText(dst)
		if err == nil && len(text) < len(dst) {
			err = errShortText
		}
		return text, err
	}
	text, err := m.marshalText.on(p).MarshalText()
	return append(dst, text...), err
}
