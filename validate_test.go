package signalcast_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestValidateRejectsWhatTheReferenceRejects(t *testing.T) {
	t.Parallel()
	registry := configRegistry(t)
	accepted := []string{}
	for _, tc := range goldenCases[struct {
		Name  string
		Input json.RawMessage
		OK    bool
	}](t, "validate_cases.json") {
		config, err := signalcast.ParseProducerConfig(tc.Input)
		if err == nil {
			err = config.Validate(registry)
		}
		if err == nil {
			require.True(t, tc.OK, tc.Name)
			accepted = append(accepted, tc.Name)
			continue
		}
		require.NotEmpty(t, problemLines(t, err))
	}
	require.Equal(t, []string{"good: event with no topics"}, accepted)
}

func TestValidateAcceptsCompleteConfigurations(t *testing.T) {
	t.Parallel()
	require.NoError(t, mustParse(t, `{
		"`+registrationCompleted+`": {
			"a": {"event_key_field": "user.pii.username", "enabled": true},
			"b": {"event_key_field": "user.id", "enabled": false, "keyless": false},
			"c": {"keyless": true, "enabled": true}
		},
		"`+courseChanged+`": {}
	}`).Validate(configRegistry(t)))
	require.NoError(t, signalcast.ProducerConfig(nil).Validate(configRegistry(t)))
	require.NoError(t, signalcast.ProducerConfig{courseChanged: nil}.Validate(configRegistry(t)))
}

func TestValidateReportsEveryProblem(t *testing.T) {
	t.Parallel()
	const keyNeeds = "; want a path to a string, integer, boolean, float, bytes or time that is never null"
	for _, tc := range []struct {
		name   string
		config signalcast.ProducerConfig
		want   []string
	}{
		{"an unknown event type, with the nearest one, and what is wrong inside", signalcast.ProducerConfig{
			"org.example.course.chnaged.v1": {"t": {EventKeyField: new("any")}},
			"com.other":                     {},
		}, []string{
			`com.other: unknown event type; want a registered one`,
			`org.example.course.chnaged.v1: unknown event type; want a registered one (did you mean "org.example.course.changed.v1"?)`,
			`org.example.course.chnaged.v1 → t → enabled: missing; want true or false`,
		}},
		{"empty names", signalcast.ProducerConfig{
			"":            {},
			courseChanged: {"": {Keyless: new(true), Enabled: new(true)}},
		}, []string{
			`found an empty event type; want a registered one`,
			`org.example.course.changed.v1: found an empty topic name; want at least one character`,
		}},
		{"missing settings", signalcast.ProducerConfig{courseChanged: {"t": {}, "u": {Keyless: new(false), Enabled: new(false)}}}, []string{
			`org.example.course.changed.v1 → t → enabled: missing; want true or false`,
			`org.example.course.changed.v1 → t → event_key_field: missing; want a key path, or keyless: true for events without a key`,
			`org.example.course.changed.v1 → u → event_key_field: missing; want a key path, or keyless: true for events without a key`,
		}},
		{"both a key and keyless, and the key is wrong", signalcast.ProducerConfig{
			courseChanged: {"t": {EventKeyField: new(""), Keyless: new(true), Enabled: new(true)}},
		}, []string{
			`org.example.course.changed.v1 → t → event_key_field: found an empty path; want a key path, or keyless: true for events without a key`,
			`org.example.course.changed.v1 → t → keyless: found true beside event_key_field; want one of the two`,
		}},
		{"key paths that do not work, for disabled topics too", signalcast.ProducerConfig{
			courseChanged: {
				"a": {EventKeyField: new("course_kye"), Enabled: new(false)},
				"b": {EventKeyField: new("name"), Enabled: new(true)},
				"c": {EventKeyField: new("tags"), Enabled: new(true)},
				"d": {EventKeyField: new("course_key."), Enabled: new(true)},
			},
			registrationCompleted: {"t": {EventKeyField: new("user.id.x"), Enabled: new(true)}},
		}, []string{
			`org.example.course.changed.v1 → a → event_key_field: key path "course_kye": unknown field "course_kye"; want course_key, name, tags (did you mean "course_key"?)`,
			`org.example.course.changed.v1 → b → event_key_field: key path "name": "name" is nullable` + keyNeeds,
			`org.example.course.changed.v1 → c → event_key_field: key path "tags": "tags" is a list` + keyNeeds,
			`org.example.course.changed.v1 → d → event_key_field: key path "course_key.": "" follows a value that is not a record` + keyNeeds + ` (did you mean "course_key"?)`,
			`org.openedx.learning.student.registration.completed.v1 → t → event_key_field: key path "user.id.x": "x" follows a value that is not a record` + keyNeeds + ` (did you mean "user.id"?)`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, problemLines(t, tc.config.Validate(configRegistry(t))))
		})
	}
	require.EqualError(t, signalcast.ProducerConfig{}.Validate(nil), "found a nil registry; want the registry of the configured signals")
}

func TestHostileNamesDoNotMakeAProblemLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	err := signalcast.ProducerConfig{
		long:          {long: {}},
		courseChanged: {"t": {EventKeyField: &long, Enabled: new(true)}},
	}.Validate(configRegistry(t))
	require.Len(t, problemLines(t, err), 4)
	require.Less(t, len(err.Error()), 4000)
}

func ExampleProducerConfig_Validate() {
	type User struct {
		ID    int64   `avro:"id"`
		Email *string `avro:"email"`
	}
	type UserCreated struct {
		User User `avro:"user"`
	}
	registry := signalcast.NewRegistry()
	if err := registry.Register(signalcast.NewSignal[UserCreated]("org.example.user.created.v1")); err != nil {
		fmt.Println(err)
	}
	config, err := signalcast.ParseProducerConfig([]byte(`{
		"org.example.user.created.v1": {"users": {"event_key_field": "user.ID", "enabled": true}},
		"org.example.user.craeted.v1": {"audit": {"keyless": true}}
	}`))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(config.Validate(registry))
	// Output:
	// 3 problems in the configuration:
	// org.example.user.craeted.v1: unknown event type; want a registered one (did you mean "org.example.user.created.v1"?)
	// org.example.user.craeted.v1 → audit → enabled: missing; want true or false
	// org.example.user.created.v1 → users → event_key_field: key path "user.ID": unknown field "ID"; want id, email (did you mean "user.id"?)
}
