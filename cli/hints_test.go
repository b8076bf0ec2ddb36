package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/cli"
)

func TestLintSaysWhatToDoNext(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"a file with the name of the setting": {
			"EVENT_BUS_PRODUCER_CONFIG:\n  " + enrolled + ":\n    t: {event_key_field: enrollment.user.id, enabled: true}\n",
			"config.yaml: remove the name EVENT_BUS_PRODUCER_CONFIG; a configuration file holds its value only\n",
		},
		"an event type of a service": {
			"com.example.thing.happened: {t: {keyless: true, enabled: true}}\n",
			"a service checks its own with a command of its own, see package cli\n",
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

func TestCommandOfAServiceHasNoHintAboutItself(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.Name = "catalog-events"
	r := p.run("lint", write(t, "config.yaml", "com.example.thing.happened: {t: {keyless: true, enabled: true}}\n"))
	require.Equal(t, cli.ExitProblems, r.code)
	require.NotContains(t, r.out, "hint ")
}

func TestKafkaWithoutARegistryIsReportedOnceInTermsOfTheURL(t *testing.T) {
	t.Parallel()
	config := write(t, "config.yaml", enrolled+":\n  a: {event_key_field: enrollment.user.id, enabled: true}\n  b: {event_key_field: enrollment.user.id, enabled: true}\n")
	r := newProgram(t).run("lint", "--to", "kafka://127.0.0.1:1", config)
	require.Equal(t, cli.ExitUsage, r.code)
	require.Equal(t, 1, strings.Count(r.errors, "?registry=URL"))
	require.NotContains(t, r.out+r.errors, "Config.")
	r = newProgram(t).run("lint", "--to", "kafka://nohost?registry=http://127.0.0.1:1", config)
	require.Contains(t, r.errors, "--to: host: found an address of another form; want host:port")
}

func TestTextFromOutsideCannotControlTheTerminal(t *testing.T) {
	t.Parallel()
	const hostile = "\x1b[2J\x1b]0;title\x07\u202egnp\u009b31m\x7f"
	p := newProgram(t)
	config := write(t, "config.json", `{"`+enrolled+`": {"t\u001b[2J": {"enabled": true, "x\u202e": 1}}}`)
	r := p.run("lint", config)
	require.NotContains(t, r.out, "\x1b")
	require.NotContains(t, r.out, "\u202e")
	r = p.run("lint", "--color", "always", config)
	require.Contains(t, r.out, "\x1b[31mproblem\x1b[0m", "the command's own colors stay")
	require.NotContains(t, r.out, "\x1b[2J")
	r = p.run("lint", hostile+".json")
	for _, control := range []string{"\x1b", "\x07", "\u202e", "\u009b", "\x7f"} {
		require.NotContains(t, r.errors, control)
	}
	require.Contains(t, r.errors, `\u001b`)
}
