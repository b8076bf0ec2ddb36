package signalcast

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/signalcast/signalcast/internal/jsonpos"
	"github.com/signalcast/signalcast/internal/nearest"
)

// What is wanted at each level of a configuration.
const (
	wantConfig  = "an object of event types"
	wantTopics  = "an object of topics"
	wantOldForm = " (signalcast convert reads the old form with a list)"
	wantTopic   = "an object of settings"
	wantName    = "at least one character"
	wantUnicode = "Unicode text"
	wantString  = "a string, or null to inherit"
	wantBoolean = "true or false, or null to inherit"
	wantMode    = "immediate, on-commit or outbox, or null to inherit"
	wantSchema  = "the address of a JSON schema"
)

// schemaMember is the name of a member that editors use, and that is no event type.
const schemaMember = "$schema"

// configRules applies the rules that every text form of a configuration obeys. A
// reader of one form moves at through the configuration.
type configRules struct {
	problems problemList
	layer    string
	at       ConfigPath // the place being read
}

func (r *configRules) fault(code ProblemCode, pos Position, found, want string) {
	r.problems.add(Problem{Code: code, Layer: r.layer, Position: pos, ConfigPath: r.at, Found: found, Want: want})
}

// set stores the value of the setting at r.at, which must be one of fields.
// The value is a string, a bool, nil for null, or of a type that is a fault.
func (r *configRules) set(t *TopicConfig, fields []string, name, value Position, v any) {
	if !slices.Contains(fields, r.at.Field) {
		r.problems.add(Problem{
			Code: CodeUnknownField, Layer: r.layer, Position: name, ConfigPath: r.at,
			Found: "unknown field", Want: oneOf(fields),
			Nearest: nearest.Name(r.at.Field, slices.Values(fields)),
		})
		return
	}
	want, ok := "", false
	switch r.at.Field {
	case fieldKey:
		want, ok = wantString, assign(&t.EventKeyField, v)
	case fieldEnabled:
		want, ok = wantBoolean, assign(&t.Enabled, v)
	case fieldKeyless:
		want, ok = wantBoolean, assign(&t.Keyless, v)
	case fieldMode:
		var text *string
		want, ok = wantMode, assign(&text, v)
		t.Mode = (*Mode)(text)
	}
	if !ok {
		r.fault(CodeWrongType, value, "found "+kindOf(v), want)
	}
}

// oneOf lists alternatives: "event_key_field, enabled, keyless or mode".
func oneOf(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// assign sets *field to v, or leaves it nil if v is nil. It reports whether v has
// the type of the field.
func assign[T any](field **T, v any) bool {
	value, ok := v.(T)
	if ok {
		*field = &value
	}
	return ok || v == nil
}

// kindOf names the type of a decoded value in the words of JSON. Decoders of other
// languages give dates and times as structs with a text form.
func kindOf(v any) string {
	if kind, ok := v.(jsonpos.Kind); ok {
		return kind.String()
	}
	value := reflect.ValueOf(v)
	switch kind := value.Kind(); {
	case v == nil:
		return jsonpos.Null.String()
	case kind == reflect.Map:
		return jsonpos.ObjectStart.String()
	case kind == reflect.Slice:
		return jsonpos.ArrayStart.String()
	case kind == reflect.String:
		return jsonpos.String.String()
	case kind == reflect.Bool:
		return jsonpos.Bool.String()
	case value.CanInt(), value.CanUint(), value.CanFloat():
		return jsonpos.Number.String()
	case kind == reflect.Struct && value.Type().Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return "a date or time"
	default:
		return fmt.Sprintf("a %T", v)
	}
}
