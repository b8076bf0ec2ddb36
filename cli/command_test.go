package cli_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/cli"
)

const (
	enrolled  = "org.openedx.learning.course.enrollment.created.v1"
	published = "org.openedx.content_authoring.xblock.published.v1"
)

const enrollmentData = `{"enrollment": {"user": {"id": 7, "is_active": true, "pii": {"username": "ada", "email": "", "name": ""}},
	"course": {"course_key": "course-v1:edX+DemoX+2026", "display_name": "Demo"}, "mode": "audit", "is_active": true,
	"creation_date": "2026-01-02T03:04:05"}}`

func TestExitCodes(t *testing.T) {
	t.Parallel()
	good := write(t, "good.json", `{"`+enrolled+`": {"t": {"keyless": true, "enabled": true}}}`)
	off := write(t, "off.json", `{"`+enrolled+`": {"t": {"keyless": true, "enabled": false}}}`)
	bad := write(t, "bad.json", `{"`+enrolled+`": {"t": {"keyless": true, "enabled": 1}}}`)
	spaced := write(t, "spaced.json", `{"`+enrolled+`": {"a b": {"keyless": true, "enabled": true}}}`)
	data := write(t, "data.json", enrollmentData)
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string // a part of what is printed
	}{
		{"help", []string{"--help"}, cli.ExitFine, "Available Commands"},
		{"no command shows the help", nil, cli.ExitFine, "Available Commands"},
		{"an unknown command", []string{"nope"}, cli.ExitUsage, `unknown command "nope"; want asyncapi, catalog, `},
		{"a command with a typo", []string{"outbox", "lst"}, cli.ExitUsage, "unknown command \"lst\"; want drop, list, migrate, retry or status (did you mean \"list\"?)\nsee signalcast outbox --help\n"},
		{"a group of commands shows the help", []string{"deadletter"}, cli.ExitFine, "Available Commands"},
		{"the help of an unknown command", []string{"help", "outbox", "nope"}, cli.ExitUsage, `unknown command "nope"; want drop, `},
		{"the help of a command", []string{"help", "outbox", "list"}, cli.ExitFine, "signalcast outbox list --outbox URL"},
		{"an unknown shell", []string{"completion", "csh"}, cli.ExitUsage, `unknown command "csh"; want bash, fish, powershell or zsh`},
		{"an unknown flag", []string{"lint", "--prefx", "dev"}, cli.ExitUsage, `--prefx: unknown flag; want --color, --format, --help, --prefix or --to (did you mean "--prefix"?)`},
		{"an unknown short flag", []string{"lint", "-z"}, cli.ExitUsage, "-z: unknown flag; want --color, "},
		{"a flag without a value", []string{"lint", "--to"}, cli.ExitUsage, "--to: found no value; want the URL of the broker\n"},
		{"a word without a value", []string{"lint", "--format"}, cli.ExitUsage, "--format: found no value; want text or json\n"},
		{"an empty value of a required flag", []string{"lag", "--bus", "redis://h", "--group", "", "t"}, cli.ExitUsage, "--group: missing; want the NAME of the consumer group\n"},
		{"an empty topic", []string{"tail", "--bus", "redis://h", ""}, cli.ExitUsage, "TOPIC: found an empty name; want the full name"},
		{"a negative time without messages", []string{"deadletter", "list", "--bus", "redis://h", "--group", "g", "--idle", "-1s", "t"}, cli.ExitUsage, "--idle: found -1s; want a duration such as 15s, or 0 for no limit"},
		{"a negative number of rows", []string{"outbox", "list", "--outbox", "sqlite:nowhere.db", "--limit", "-1"}, cli.ExitUsage, "--limit: found -1; want a number, or 0 for all rows"},
		{"a relay into memory", []string{"relay", "--outbox", "sqlite:nowhere.db", "--to", "memory:"}, cli.ExitUsage, "--to: found memory:, which would lose the rows when the command ends; want one of"},
		{"a relay with a timeout of zero", []string{"relay", "--outbox", "sqlite:nowhere.db", "--to", "redis://h", "--timeout", "0s"}, cli.ExitUsage, "--timeout: found 0s; want 1ms or more"},
		{"an empty CONFIG", []string{"lint", ""}, cli.ExitUsage, `CONFIG: found ""; want defaults:, env:NAME or a file`},
		{"a variable without a name", []string{"lint", "env:"}, cli.ExitUsage, `CONFIG: found "env:"; want defaults:, `},
		{"an unknown format", []string{"lint", "--format", "xml", good}, cli.ExitUsage, "want text or json"},
		{"an unknown color", []string{"lint", "--color", "blue", good}, cli.ExitUsage, "want auto, always or never"},
		{"no configuration", []string{"lint"}, cli.ExitUsage, "lint: found 0 arguments; want one CONFIG or more\nsee signalcast lint --help\n"},
		{"a missing file", []string{"lint", good, "nowhere.json"}, cli.ExitUsage, "nowhere.json: no such file or directory; want a file that can be read\n"},
		{"a missing file beside a bad one", []string{"lint", "nowhere.json", bad}, cli.ExitUsage, "want a file that can be read\n" + bad + ":1:"},
		{"a missing file with data", []string{"explain", enrolled, "-c", good, "--data", "nowhere.json"}, cli.ExitUsage, "nowhere.json: no such file or directory; want a file that can be read\n"},
		{"a file with an unknown extension", []string{"merge", "x.ini"}, cli.ExitUsage, "want .json, .yaml, .yml or .toml"},
		{"defaults of a program without a configuration", []string{"merge", "defaults:"}, cli.ExitUsage, "defaults: the program declares no configuration"},
		{"a good configuration", []string{"lint", good}, cli.ExitFine, "no problems: 1 topic of 1 event type, 1 enabled"},
		{"a warning does not change the exit code", []string{"lint", off}, cli.ExitFine, "warning nothing is enabled"},
		{"a bad configuration", []string{"lint", bad}, cli.ExitProblems, "bad.json:1:"},
		{"merging a bad configuration", []string{"merge", bad}, cli.ExitProblems, "found a number; want true or false"},
		{"comparing with a bad configuration", []string{"diff", good, bad}, cli.ExitProblems, "found a number"},
		{"differences without --exit-code", []string{"diff", good, off}, cli.ExitFine, "stop"},
		{"differences with --exit-code", []string{"diff", "--exit-code", good, off}, cli.ExitProblems, "stop"},
		{"the schema of an unknown event type", []string{"schema", "org.openedx.learning.course.enrolment.created.v1"}, cli.ExitProblems, "did you mean \"" + enrolled},
		{"the schema of an invalid key path", []string{"schema", enrolled, "--key", "enrollment.usr"}, cli.ExitProblems, enrolled + `: key path "enrollment.usr": unknown field "usr"`},
		{"an event type that cannot be sent", []string{"schema", "org.example.unsendable.v1"}, cli.ExitProblems, "cannot be sent: it holds an open file"},
		{"explaining without a configuration", []string{"explain", enrolled}, cli.ExitUsage, "--config: missing; want a CONFIG\n"},
		{"explaining with partitions but no schema ID", []string{"explain", enrolled, "-c", good, "--partitions", "3"}, cli.ExitUsage, "--partitions: found no --key-schema-id; want both"},
		{"explaining with a negative number of partitions", []string{"explain", enrolled, "-c", good, "--partitions", "-3"}, cli.ExitUsage, "--partitions: found -3; want 1 to 2147483647"},
		{"explaining a key without data", []string{"explain", enrolled, "-c", good, "--key-schema-id", "7", "--partitions", "3"}, cli.ExitUsage, "--key-schema-id: found no --data; want both"},
		{"explaining metadata without data", []string{"explain", enrolled, "-c", good, "--metadata", data}, cli.ExitUsage, "--metadata: found no --data; want both"},
		{"explaining an event type without configuration", []string{"explain", published, "-c", good}, cli.ExitFine, "not sent    no CONFIG has the event type"},
		{"data and metadata from the standard input", []string{"explain", enrolled, "-c", good, "--data", "-", "--metadata", "-"}, cli.ExitUsage, "found - for both"},
		{"invalid data", []string{"explain", enrolled, "-c", good, "--data", good}, cli.ExitProblems, "good.json:1:2: unknown field"},
		{"invalid metadata", []string{"explain", enrolled, "-c", good, "--data", data, "--metadata", data}, cli.ExitProblems, `data.json:1:2: unknown attribute "enrollment"; want event_type, id, `},
		{"sending", []string{"send", enrolled, "-c", good, "--data", data, "--to", "memory:"}, cli.ExitFine, "delivered  t: ID 1"},
		{"sending to disabled topics", []string{"send", enrolled, "-c", off, "--data", data, "--to", "memory:"}, cli.ExitProblems, "t is disabled by"},
		{"sending to an unknown scheme", []string{"send", enrolled, "-c", good, "--data", data, "--to", "amqp://u:s3cret@host"}, cli.ExitUsage, "--to: found an unknown scheme; want one of\n  redis://"},
		{"sending to an invalid URL", []string{"send", enrolled, "-c", good, "--data", data, "--to", "redis://u:s3cret@host:port"}, cli.ExitUsage, "--to: found text that is not a URL; want redis://"},
		{"sending to Kafka with an unknown parameter", []string{"send", enrolled, "-c", good, "--data", data, "--to", "kafka://h:1?acks=1"}, cli.ExitUsage, `parameter "acks"; want registry or client`},
		{"sending to Kafka with an unknown client", []string{"send", enrolled, "-c", good, "--data", data, "--to", "kafka://h:1?client=x"}, cli.ExitUsage, `--to: client: found "x"; want kafka-go or franz`},
		{"sending to Kafka without brokers", []string{"send", enrolled, "-c", good, "--data", data, "--to", "kafka:h:1"}, cli.ExitUsage, "--to: found a malformed Kafka URL"},
		{"a malformed registry URL", []string{"send", enrolled, "-c", good, "--data", data, "--to", "kafka://h:1?registry=http://u:s3cret@h:port"}, cli.ExitUsage, "--to: registry: found a malformed URL"},
		{"a short timeout for Kafka", []string{"send", enrolled, "-c", good, "--data", data, "--to", "kafka://h:1?registry=http://h", "--timeout", "20ms"}, cli.ExitUsage, "--timeout: found 20ms; want 1s or more for Kafka"},
		{"a long timeout for Kafka", []string{"send", enrolled, "-c", good, "--data", data, "--to", "kafka://h:1?registry=http://h", "--timeout", "48h"}, cli.ExitUsage, "--timeout: found 48h0m0s"},
		{"a key without a secret", []string{"send", enrolled, "-c", good, "--data", data, "--to", "kafkas://s3cret@h:1"}, cli.ExitUsage, "--to: found a key without a secret"},
		{"a number that does not parse", []string{"explain", enrolled, "-c", good, "--key-schema-id", "x"}, cli.ExitUsage, `--key-schema-id: found "x"; want an integer`},
		{"a duration without a unit", []string{"send", enrolled, "--timeout", "1"}, cli.ExitUsage, `--timeout: found "1"; want a duration such as 500ms or 30s`},
		{"several missing flags", []string{"send", enrolled, "-c", good}, cli.ExitUsage, "--data: missing; want a FILE with the event's data, a JSON object\n--to: missing; want the URL of the broker\nsee signalcast send --help\n"},
		{"a search without result", []string{"catalog", "no such event type"}, cli.ExitFine, "no event type contains no such event type"},
		{"converting a file in YAML", []string{"convert", "site.yaml"}, cli.ExitUsage, `site.yaml: found the extension ".yaml"; want Python settings, or JSON in the old form`},
		{"converting the current form", []string{"convert", good}, cli.ExitProblems, "good.json: found a configuration in the current form; want the old form"},
		{"an unencrypted password", []string{"send", enrolled, "-c", good, "--data", data, "--to", "kafka://u:s3cret@h:1"}, cli.ExitUsage, "want kafkas"},
		{"a topic that Kafka rejects", []string{"send", enrolled, "-c", spaced, "--data", data, "--to", "kafkas://u:s3cret@h:1?registry=http://u:s3cret@h"}, cli.ExitProblems, "prepare backend: kafka"},
		{"a timeout of zero", []string{"send", enrolled, "-c", good, "--data", data, "--to", "memory:", "--timeout", "0s"}, cli.ExitUsage, "--timeout: found 0s"},
		{"converting a missing file", []string{"convert", "nowhere.py"}, cli.ExitUsage, "nowhere.py"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newProgram(t).run(tc.args...)
			require.Equal(t, tc.code, r.code, r.out+r.errors)
			require.Contains(t, r.out+r.errors, tc.want)
			require.NotContains(t, r.out+r.errors, "s3cret")
		})
	}
}

// Each stream has one document or nothing.
func TestFormatJSONIsOneDocument(t *testing.T) {
	t.Parallel()
	good := write(t, "good.json", `{"`+enrolled+`": {"t": {"event_key_field": "enrollment.user.id", "enabled": true}}}`)
	bad := write(t, "bad.json", `{"`+enrolled+`": {"t": {"keyless": true, "enabled": 1}}}`)
	list := write(t, "list.json", `{"`+enrolled+`": [{"topic": "t", "enabled": true}, {"topic": "t", "enabled": false}]}`)
	data := write(t, "data.json", enrollmentData)
	for _, args := range [][]string{
		{"lint", good},
		{"lint", bad},
		{"merge", good},
		{"merge", bad},
		{"merge", "--explain", good},
		{"diff", good, good},
		{"diff", good, write(t, "none.json", "{}")},
		{"convert", list},
		{"catalog"},
		{"schema", enrolled},
		{"schema", enrolled, "--key", "enrollment.user.id"},
		{"schema", "nope"},
		{"explain", enrolled, "-c", good},
		{"explain", enrolled, "-c", good, "--data", data},
		{"send", enrolled, "-c", good, "--data", data, "--to", "memory:"},
		{"lint", "nowhere.json"},
	} {
		r := newProgram(t).run(append(args, "--format", "json")...)
		require.NotEmpty(t, r.out+r.errors)
		for _, text := range []string{r.out, r.errors} {
			require.True(t, text == "" || json.Valid([]byte(text)), "%q: %s", args, text)
		}
	}
	r := newProgram(t).run("merge", bad, "--format", "json")
	require.JSONEq(t, `{"layer": "`+bad+`", "line": 1, "column": 90, "event_type": "`+enrolled+`", "topic": "t", "field": "enabled",
		"found": "found a number", "code": "wrong_type", "want": "true or false, or null to inherit"}`, string(problems(t, r.errors)[0]))
}

func problems(t *testing.T, text string) []json.RawMessage {
	t.Helper()
	var report struct{ Problems []json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(text), &report))
	require.NotEmpty(t, report.Problems)
	return report.Problems
}

func TestColorsAreForTerminalsOnly(t *testing.T) {
	t.Parallel()
	bad := write(t, "bad.json", `{"org.openedx.nope": {}}`)
	require.NotContains(t, newProgram(t).run("lint", bad).out, "\x1b")
	require.NotContains(t, newProgram(t).run("lint", bad, "--color", "never").out, "\x1b")
	require.Contains(t, newProgram(t).run("lint", bad, "--color", "always").out, "\x1b[31mproblem\x1b[0m ")
}

func TestDataIsReadFromTheStandardInput(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.Stdin = strings.NewReader(enrollmentData)
	good := write(t, "good.json", `{"`+enrolled+`": {"t": {"event_key_field": "enrollment.user.id", "enabled": true}}}`)
	require.Contains(t, p.fine(t, "explain", enrolled, "-c", good, "--data", "-"), "key         7\n")
}

func TestUnsetVariableIsAUsageError(t *testing.T) {
	t.Setenv("EMPTY", "")
	for _, name := range []string{"EMPTY", "SIGNALCAST_NO_SUCH_VARIABLE"} {
		r := newProgram(t).run("lint", "env:"+name)
		require.Equal(t, cli.ExitUsage, r.code)
		require.Contains(t, r.errors, "env:"+name+": the environment variable is empty or not set")
	}
}

func TestVersionIsThatOfTheLibrary(t *testing.T) {
	t.Parallel()
	require.Equal(t, "signalcast "+signalcast.Version()+"\n", newProgram(t).fine(t, "--version"))
}

func TestDefaultsAndVariablesAreSources(t *testing.T) {
	p := newProgram(t)
	p.Defaults = signalcast.ProducerConfig{enrolled: {"t": {Keyless: new(true), Enabled: new(false)}}}
	t.Setenv("SITE", `{"`+enrolled+`": {"t": {"enabled": true}}}`)
	require.Contains(t, p.fine(t, "merge", "--explain", "defaults:", "env:SITE"), "true (SITE:1)  keyless (defaults)  enabled false (defaults)\n")

	t.Setenv("EVENT_BUS_TOPIC_PREFIX", "stage")
	require.Contains(t, p.fine(t, "explain", enrolled, "-c", "defaults:"), "topic       stage-t: not sent, disabled by defaults\n")
	require.NotContains(t, p.fine(t, "explain", "--help"), `"stage"`)
}

func TestTextsUseTheNameOfTheProgram(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.Name = "shop-events"
	require.Contains(t, p.fine(t, "lint", "--help"), "shop-events lint base.json site.yaml")
	require.Contains(t, p.run("nope").errors, "shop-events: unknown command")
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

func TestFailedWriteIsAFailure(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	var stderr strings.Builder
	p.Stdout, p.Stderr = brokenWriter{}, &stderr
	require.Equal(t, cli.ExitProblems, p.Run(t.Context(), []string{"catalog"}))
	require.Contains(t, stderr.String(), "the disk is full")
}

func TestCompletionListsEventTypesKeyPathsAndFormats(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	require.Contains(t, p.run("__complete", "schema", "").out, enrolled+"\n")
	require.Contains(t, p.run("__complete", "schema", enrolled, "--key", "").out, "enrollment.course.course_key\n")
	require.Contains(t, p.run("__complete", "lint", "--format", "").out, "json\n")
	require.Contains(t, p.fine(t, "completion", "bash"), "signalcast")
}
