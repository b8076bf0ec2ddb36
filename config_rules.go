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

// What stands at each level of a configuration.
const (
	wantConfig  = "allowed is an object of event types"
	wantTopics  = "allowed is an object of topics"
	wantOldForm = "; ConvertListConfig, and the command's convert, read the old form with a list of topics"
	wantTopic   = "allowed is an object of settings"
	wantName    = "a name has at least one character"
	wantUnicode = "allowed is Unicode text"
	wantString  = "allowed is a string, or null to inherit"
	wantBoolean = "allowed is a boolean, or null to inherit"
)

// configRules are the rules that every form of a configuration obeys. A reader
// of one form moves at through the configuration and applies them.
type configRules struct {
	problems problemList
	source   string
	at       ConfigPath // the place being read
}

func (r *configRules) fault(pos Position, found, allowed string) {
	r.problems.add(Problem{Source: r.source, Position: pos, ConfigPath: r.at, Found: found, Allowed: allowed})
}

// set stores the value of the setting at r.at, which has to be one of fields.
// The value is a string, a bool, nil for null, or anything that is refused.
func (r *configRules) set(t *TopicConfig, fields []string, name, value Position, v any) {
	if !slices.Contains(fields, r.at.Field) {
		r.problems.add(Problem{
			Source: r.source, Position: name, ConfigPath: r.at,
			Found: "unknown setting", Allowed: "known are " + strings.Join(fields, ", "),
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
	}
	if !ok {
		r.fault(value, "found "+kindOf(v), want)
	}
}

// assign makes *field the value, leaves it nil for null, and reports whether
// the value has the type.
func assign[T any](field **T, v any) bool {
	value, ok := v.(T)
	if ok {
		*field = &value
	}
	return ok || v == nil
}

// kindOf names the type of a decoded value in the words of JSON. What decoders
// make of dates and times, which JSON has none of, are structs with a text form.
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
