package cli_test

import (
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/cli"
)

func TestLintHintsAtTheNextStep(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"a file with the name of the setting": {
			"EVENT_BUS_PRODUCER_CONFIG:\n  " + enrolled + ":\n    t: {event_key_field: enrollment.user.id, enabled: true}\n",
			"config.yaml: remove the name EVENT_BUS_PRODUCER_CONFIG; a configuration file holds only the value of that setting\n",
		},
		"a file with the name of the setting in lower case": {
			"event_bus_producer_config: {}\n",
			"config.yaml: remove the name event_bus_producer_config;",
		},
		"settings without a topic": {
			enrolled + ":\n  event_key_field: enrollment.user.id\n  enabled: true\n",
			"config.yaml: " + enrolled + ": settings belong to a topic; put them under the name of one\n2 problems",
		},
		"an event type of a service": {
			"com.example.thing.happened: {t: {keyless: true, enabled: true}}\n",
			"signalcast knows only the event types of Open edX; build the command for other event types with package github.com/signalcast/signalcast/cli\n",
		},
		"a topic with a typo": {
			enrolled + ":\n  enrollments: {event_key_field: enrollment.user.id, enabled: false}\n  enrolments: {enabled: true}\n",
			`config.yaml: topic "enrolments": did you mean "enrollments"?`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newProgram(t).run("lint", write(t, "config.yaml", c.text))
			require.Equal(t, cli.ExitProblems, r.code)
			require.Contains(t, r.out, "hint ")
			require.Contains(t, r.out, c.want)
		})
	}
}

func TestCommandOfAServiceHasNoHintAboutOtherEventTypes(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.Name = "catalog-events"
	r := p.run("lint", write(t, "config.yaml", "com.example.thing.happened: {t: {keyless: true, enabled: true}}\n"))
	require.Equal(t, cli.ExitProblems, r.code)
	require.NotContains(t, r.out, "hint ")
}

func TestKafkaErrorsNameThePartOfTheURL(t *testing.T) {
	t.Parallel()
	config := write(t, "config.yaml", enrolled+":\n  a: {event_key_field: enrollment.user.id, enabled: true}\n  b: {event_key_field: enrollment.user.id, enabled: true}\n")
	r := newProgram(t).run("lint", "--to", "kafka://127.0.0.1:1", config)
	require.Equal(t, cli.ExitUsage, r.code)
	require.Equal(t, 1, strings.Count(r.errors, "?registry=URL"))
	require.NotContains(t, r.out+r.errors, "Config.")
	r = newProgram(t).run("lint", "--to", "kafka://nohost?registry=http://127.0.0.1:1", config)
	require.Contains(t, r.errors, "--to: host: found an address of another form; want host:port")
}

func TestControlCharactersAreEscaped(t *testing.T) {
	t.Parallel()
	const hostile = "\x1b[2J\x1b]0;title\x07\u202egnp\u009b31m\x7f"
	p := newProgram(t)
	config := write(t, "config.json", `{"`+enrolled+`": {"t\u001b[2J": {"enabled": true, "x\u202e": 1}}}`)
	r := p.run("lint", config)
	require.NotContains(t, r.out, "\x1b")
	require.NotContains(t, r.out, "\u202e")
	r = p.run("lint", "--color", "always", config)
	require.Contains(t, r.out, "\x1b[31mproblem\x1b[0m", "colors of the command are kept")
	require.NotContains(t, r.out, "\x1b[2J")
	r = p.run("lint", hostile+".json")
	for _, control := range []string{"\x1b", "\x07", "\u202e", "\u009b", "\x7f"} {
		require.NotContains(t, r.errors, control)
	}
	require.Contains(t, r.errors, `\u001b`)
}

func TestErrorsOfOtherCommandsHaveHints(t *testing.T) {
	t.Parallel()
	wrapped := write(t, "wrapped.json", `{"EVENT_BUS_PRODUCER_CONFIG": {"`+enrolled+`": {"t": {"keyless": true, "enabled": true}}}}`)
	for _, args := range [][]string{{"merge", wrapped}, {"explain", enrolled, "-c", wrapped}, {"diff", wrapped, wrapped}} {
		r := newProgram(t).run(args...)
		require.Equal(t, cli.ExitProblems, r.code)
		require.Contains(t, r.errors, "\nhint "+wrapped+": remove the name EVENT_BUS_PRODUCER_CONFIG")
	}
	r := newProgram(t).run("merge", "--format", "json", wrapped)
	require.Contains(t, r.errors, `"hints": [`)
}

func TestTypoOfATopicInAnOverrideIsHinted(t *testing.T) {
	t.Parallel()
	base := write(t, "base.json", `{"`+enrolled+`": {"enrollments": {"event_key_field": "enrollment.user.id", "enabled": false}}}`)
	site := write(t, "site.json", `{"`+enrolled+`": {"enrolments": {"enabled": true}}}`)
	r := newProgram(t).run("lint", base, site)
	require.Equal(t, cli.ExitProblems, r.code)
	require.Contains(t, r.out, "hint "+site+`: topic "enrolments": did you mean "enrollments"?`)
}

// A complete topic is valid, and only a hint can tell that it was meant to be another.
func TestTypoOfACompleteTopicInAnOverrideIsHinted(t *testing.T) {
	t.Parallel()
	topic := func(name string) string {
		return `{"` + enrolled + `": {"` + name + `": {"event_key_field": "enrollment.user.id", "enabled": true}}}`
	}
	base, typo := write(t, "base.json", topic("enrollments")), write(t, "typo.json", topic("enrolments"))
	hint := "hint " + typo + `: topic "enrolments": did you mean "enrollments"?` + "\n"
	require.Equal(t, hint+"no problems: 2 topics of 1 event type, 2 enabled\n", newProgram(t).fine(t, "lint", base, typo))
	for _, args := range [][]string{
		{base, base}, // no new topic
		{base, write(t, "other.json", topic("audit"))}, // another name
		{write(t, "both.json", `{"`+enrolled+`": {"a-1": {"keyless": true, "enabled": true}, "a-2": {"keyless": true, "enabled": true}}}`)}, // one layer
	} {
		require.NotContains(t, newProgram(t).fine(t, append([]string{"lint"}, args...)...), "hint ")
	}
}

func TestOldBooleansOfYAMLAreExplained(t *testing.T) {
	t.Parallel()
	r := newProgram(t).run("lint", write(t, "config.yaml", enrolled+":\n  t: {keyless: yes, enabled: no}\n"))
	require.Equal(t, cli.ExitProblems, r.code)
	require.Contains(t, r.out, "config.yaml:2:16: "+enrolled+" → t → keyless: found yes, which YAML 1.2 reads as a string; want true\n")
	require.Contains(t, r.out, "config.yaml:2:30: "+enrolled+" → t → enabled: found no, which YAML 1.2 reads as a string; want false\n")
}

func TestUnknownEventTypeHintsAtACommandOfOnesOwn(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	require.Contains(t, p.run("schema", "com.example.thing.happened").errors, "\nhint signalcast knows only the event types of Open edX; build the command")
	require.NotContains(t, p.run("schema", enrolled+"x").errors, "hint ", "a typo")
	p.Name = "shop-events"
	require.NotContains(t, p.run("schema", "com.example.thing.happened").errors, "hint ")
}

func TestUnreachableServersAreErrors(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"tail":              {"tail", "--bus", "redis://127.0.0.1:1", "--idle", "500ms", "t"},
		"lag":               {"lag", "--bus", "kafka://127.0.0.1:1?registry=http://127.0.0.1:1", "--group", "g", "t"},
		"deadletter list":   {"deadletter", "list", "--bus", "redis://127.0.0.1:1", "--group", "g", "--idle", "500ms", "t"},
		"deadletter replay": {"deadletter", "replay", "--apply", "--bus", "redis://127.0.0.1:1", "--group", "g", "--idle", "500ms", "t"},
		"outbox status":     {"outbox", "status", "--outbox", "postgres://127.0.0.1:1/app"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newProgram(t).run(args...)
			require.Equal(t, cli.ExitProblems, r.code)
			require.Contains(t, r.errors, "connection refused")
			require.Contains(t, r.errors, "\nhint check the address in the URL")
			require.Empty(t, r.out)
		})
	}
}

func TestFaultsOfMetadataUseTheNamesOfTheFile(t *testing.T) {
	t.Parallel()
	config := write(t, "config.json", `{"`+enrolled+`": {"t": {"keyless": true, "enabled": true}}}`)
	data := write(t, "data.json", enrollmentData)
	for text, want := range map[string]string{
		`{"id": 3}`:               ": id: found a JSON number; want a UUID\n",
		`{"sourcelib": "x"}`:      ": sourcelib: found a JSON string; want a list of integers such as [11, 2, 0]\n",
		`[]`:                      ": found a JSON array; want an object\n",
		"{\n\"id\": ":             ":2:7: found the end of the text; want a JSON value\n",
		`{"source": "", "tim":1}`: `:1:16: unknown attribute "tim"; want event_type, id, minorversion, source, sourcehost, sourcelib or time (did you mean "time"?)`,
	} {
		metadata := write(t, "metadata.json", text)
		r := newProgram(t).run("explain", enrolled, "-c", config, "--data", data, "--metadata", metadata)
		require.Equal(t, cli.ExitProblems, r.code)
		require.Contains(t, r.errors, metadata+want)
	}
}

func TestFaultsOfEventsHaveTheirPlace(t *testing.T) {
	t.Parallel()
	config := write(t, "config.json", `{"`+enrolled+`": {"t": {"keyless": true, "enabled": true}}}`)
	data := write(t, "data.json", enrollmentData)
	bad := write(t, "bad.json", `{"enrollment": {"user": {"id": "x"}}}`)
	metadata := write(t, "metadata.json", `{"event_type": "`+published+`"}`)
	for _, command := range [][]string{{"explain"}, {"send", "--to", "memory:"}} {
		args := append(command, enrolled, "-c", config)
		r := newProgram(t).run(append(args, "--data", bad)...)
		require.Equal(t, cli.ExitProblems, r.code)
		require.Contains(t, r.errors, bad+":1:32: enrollment.user.id: found a string; want an integer\n"+bad+":1:35: ")
		r = newProgram(t).run(append(args, "--data", data, "--metadata", metadata)...)
		require.Equal(t, cli.ExitProblems, r.code)
		require.Contains(t, r.errors, metadata+": metadata.event_type: found "+published)
	}
}

func TestReplyOfABrokerIsEscaped(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.SetError("ERR \x1b]0;title\x07\x1b[2J")
	config := write(t, "config.json", `{"`+enrolled+`": {"t": {"keyless": true, "enabled": true}}}`)
	r := newProgram(t).run("send", enrolled, "-c", config, "--data", write(t, "data.json", enrollmentData),
		"--to", "redis://"+server.Addr(), "--timeout", "100ms")
	require.Equal(t, cli.ExitProblems, r.code)
	require.Contains(t, r.out+r.errors, `\u001b]0;title\u0007`)
	require.NotContains(t, r.out+r.errors, "\x1b")
}
