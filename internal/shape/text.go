package shape

import (
	"encoding"
	"errors"
	"reflect"
	"unsafe"
)

// validator is implemented by leaf types that restrict their values.
type validator interface{ Validate() error }

// method gives access to a method of the leaves of one type.
type method struct {
	pointer any  // a nil pointer to the type
	copies  bool // the method has a pointer receiver; it gets a copy, which it may change
}

// methodOf returns the method of the interface I on t or *t, or nil if neither has it.
func methodOf[I any](t reflect.Type) *method {
	want := reflect.TypeFor[I]()
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer || !reflect.PointerTo(t).Implements(want) {
		return nil
	}
	return &method{pointer: reflect.Zero(reflect.PointerTo(t)).Interface(), copies: !t.Implements(want)}
}

// on returns a pointer to the leaf at p, which has the method. It needs no allocation. A method
// with a value receiver gets a copy of the leaf.
func (m *method) on(p unsafe.Pointer) any {
	leaf := m.pointer
	// An any is the word of the type and the pointer. reflect.NewAt does the same, but is slower:
	// see docs/decisions/0008.
	(*[2]unsafe.Pointer)(unsafe.Pointer(&leaf))[1] = p
	if m.copies {
		original := reflect.ValueOf(leaf).Elem()
		fresh := reflect.New(original.Type())
		fresh.Elem().Set(original)
		leaf = fresh.Interface()
	}
	return leaf
}

func (m *method) validate(p unsafe.Pointer) error {
	return m.on(p).(validator).Validate() //nolint:forcetypeassert // methodOf has found it
}

// textMethods is the text form of a type.
type textMethods struct {
	appendText  *method // used if it is not nil
	marshalText *method
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
		text, err := m.appendText.on(p).(encoding.TextAppender).AppendText(dst) //nolint:forcetypeassert // methodOf has found it
		if err == nil && len(text) < len(dst) {
			err = errShortText
		}
		return text, err
	}
	text, err := m.marshalText.on(p).(encoding.TextMarshaler).MarshalText() //nolint:forcetypeassert // methodOf has found it
	return append(dst, text...), err
}
