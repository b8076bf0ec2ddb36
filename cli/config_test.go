package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestDiffReportsEachKindOfChange(t *testing.T) {
	t.Parallel()
	on := func(key string) string { return `{"event_key_field": "` + key + `", "enabled": true}` }
	const off = `{"event_key_field": "k", "enabled": false}`
	for _, tc := range []struct{ name, before, after, want string }{
		{"nothing", `{"e": {"t": ` + on("k") + `}}`, `{"e": {"t": ` + on("k") + `}}`, "no difference\n"},
		{"disabled topics are not compared", `{"e": {"t": ` + off + `}}`, `{"f": {"u": ` + off + `}}`, "no difference\n"},
		{"an event type starts", `{}`, `{"e": {"t": ` + on("k") + `}}`, "start  e → t (key k)\n"},
		{"a topic is enabled", `{"e": {"t": ` + off + `}}`, `{"e": {"t": ` + on("k") + `}}`, "start  e → t (key k)\n"},
		{"a topic is disabled", `{"e": {"t": ` + on("k") + `}}`, `{"e": {"t": ` + off + `}}`, "stop   e → t\n"},
		{"a topic is removed", `{"e": {"t": ` + on("k") + `, "u": ` + on("k") + `}}`, `{"e": {"u": ` + on("k") + `}}`, "stop   e → t\n"},
		{"another topic", `{"e": {"t": ` + on("k") + `}}`, `{"e": {"u": ` + on("k") + `}}`, "move   e: from t to u (key k)\n"},
		{
			"another topic and key", `{"e": {"t": ` + on("k") + `}}`, `{"e": {"u": ` + on("l") + `}}`,
			"move   e: from t to u (key l)\nkey    e → u: from key k to key l; events with equal keys may be handled out of order\n",
		},
		{"another key", `{"e": {"t": ` + on("k") + `}}`, `{"e": {"t": ` + on("l") + `}}`, "key    e → t: from key k to key l; events with equal keys may be handled out of order\n"},
		{
			"a topic becomes keyless", `{"e": {"t": ` + on("k") + `}}`, `{"e": {"t": {"keyless": true, "enabled": true}}}`,
			"key    e → t: from key k to keyless; events with equal keys may be handled out of order\n",
		},
		{
			"another mode", `{"e": {"t": {"event_key_field": "k", "enabled": true}}}`, `{"e": {"t": {"event_key_field": "k", "enabled": true, "mode": "outbox"}}}`,
			"mode   e → t: from the default to outbox\n",
		},
		{"an incomplete topic", `{}`, `{"e": {"t": {"enabled": true}}}`, "start  e → t (key missing)\n"},
		{
			"a topic becomes incomplete", `{"e": {"t": ` + on("k") + `}}`, `{"e": {"t": {"enabled": true}}}`,
			"key    e → t: from key k to key missing; events with equal keys may be handled out of order\n",
		},
		{
			"several topics are not matched as moves", `{"e": {"b": ` + on("k") + `, "d": ` + on("k") + `}}`,
			`{"e": {"a": ` + on("k") + `, "c": ` + on("k") + `}}`,
			"start  e → a (key k)\nstop   e → b\nstart  e → c (key k)\nstop   e → d\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			before, after := write(t, "before.json", tc.before), write(t, "after.json", tc.after)
			require.Equal(t, tc.want, newProgram(t).fine(t, "diff", before, after))
			code := cli.ExitProblems
			if strings.HasPrefix(tc.want, "no difference") {
				code = cli.ExitFine
			}
			require.Equal(t, code, newProgram(t).run("diff", "--exit-code", before, after).code)
		})
	}
}

func TestLintWarnsOfProbableMistakes(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.WrongKeys = map[string]string{published: "xblock_info.block_key"}
	file := write(t, "c.yaml", enrolled+`:
  shared: {event_key_field: enrollment.course.course_key, enabled: true}
  alone: {event_key_field: enrollment.user.id, enabled: true}
  stage-t: {keyless: true, enabled: true}
  stagehand: {keyless: true, enabled: true}
`+published+`:
  shared: {event_key_field: xblock_info.usage_key, enabled: true}
  alone: {event_key_field: xblock_info.usage_key, enabled: false}
  stage-t: {event_key_field: xblock_info.usage_key, enabled: false}
  wrong: {event_key_field: xblock_info.block_key, enabled: true}
`)
	r := p.run("lint", "--prefix", "stage", "--format", "json", file)
	require.Equal(t, cli.ExitProblems, r.code)
	var report struct {
		Problems, Warnings []struct {
			Line                                      int
			EventType                                 string `json:"event_type"`
			Topic, Field, Found, Want, Layer, Nearest string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &report))
	require.Len(t, report.Problems, 1)
	require.Equal(t, 10, report.Problems[0].Line)
	var lines []string
	for _, w := range report.Warnings {
		lines = append(lines, strings.Join([]string{w.EventType, w.Topic, w.Field, w.Found}, " | "))
	}
	require.Equal(t, []string{
		enrolled + ` | stage-t |  | the topic already starts with the prefix "stage"; its full name is "stage-stage-t"`,
		published + ` | shared | event_key_field | different key schemas on one topic: {"name": "course_key", "type": "string"} of ` +
			enrolled + `; {"name": "usage_key", "type": "string"} of ` + published +
			"; on Kafka, events with equal keys are in order only if their key schemas are equal",
		published + ` | stage-t |  | the topic already starts with the prefix "stage"; its full name is "stage-stage-t"`,
		published + ` | wrong | event_key_field | the platform also declares the invalid key path "xblock_info.block_key"; ` +
			"want xblock_info.usage_key, xblock_info.block_type",
	}, lines)
	require.Contains(t, p.run("lint", file).out, "1 problem, 2 warnings: 8 topics of 2 event types, 6 enabled\n")
}

func TestLintDoesNotWarnThatNothingIsEnabledBesideProblems(t *testing.T) {
	t.Parallel()
	old := write(t, "old.json", `{"`+enrolled+`": [{"topic": "t", "event_key_field": "enrollment.user.id", "enabled": true}]}`)
	p := newProgram(t)
	require.Equal(t, cli.ExitProblems, p.run("lint", old).code)
	require.NotContains(t, p.run("lint", old).out, "warning")
}

func TestLintReportsRoutesThatTheBrokerRejects(t *testing.T) {
	t.Parallel()
	file := write(t, "c.yaml", enrolled+":\n  orders: {keyless: true, enabled: true}\n  a b: {keyless: true, enabled: false}\n  unknown: {}\n")
	server := miniredis.RunT(t)
	require.NoError(t, server.Set("stage-orders", "a string"))
	redis, kafka := "redis://"+server.Addr(), "kafka://127.0.0.1:1?registry=http://127.0.0.1:1"

	r := newProgram(t).run("lint", "--prefix", "stage", "--to", redis, file)
	require.Equal(t, cli.ExitProblems, r.code)
	require.Contains(t, r.out, file+":2:3: "+enrolled+` → orders: redis: topic "stage-orders": found a string; want a stream`)
	require.Contains(t, r.out, "missing")
	require.NotContains(t, r.out, `topic "a b"`)

	r = newProgram(t).run("lint", "--to", kafka, file)
	require.Equal(t, cli.ExitProblems, r.code)
	require.Contains(t, r.out, file+":3:3: "+enrolled+` → "a b": kafka: event type`)
	require.NotContains(t, r.out, "→ orders:")

	require.Equal(t, cli.ExitUsage, newProgram(t).run("lint", "--to", "nope:", file).code)
}

func TestLintWarnsOfTopicsThatDoNotExist(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.NewCluster(t, kfake.SeedTopics(1, "stage-there"))
	file := write(t, "c.yaml", enrolled+":\n  there: {keyless: true, enabled: true}\n  gone: {keyless: true, enabled: true}\n  off: {keyless: true, enabled: false}\n")
	r := newProgram(t).run("lint", "--prefix", "stage", "--to", "kafka://"+cluster.ListenAddrs()[0]+"?registry=http://127.0.0.1:1", file)
	require.Equal(t, cli.ExitFine, r.code, r.errors)
	require.Contains(t, r.out, "warning "+file+":3:3: "+enrolled+` → gone: the topic "stage-gone" does not exist; events wait for it, unless the broker creates topics on use`)
	require.Contains(t, r.out, "no problems, 1 warning")
}

func TestLintSaysThatTheBrokerDoesNotReply(t *testing.T) {
	t.Parallel()
	file := write(t, "c.yaml", enrolled+":\n  first: {keyless: true, enabled: true}\n  second: {keyless: true, enabled: true}\n")
	for _, url := range []string{
		"redis://127.0.0.1:1", "kafka://127.0.0.1:1?registry=http://127.0.0.1:1", "kafka://127.0.0.1:1?client=franz&registry=http://127.0.0.1:1",
	} {
		r := newProgram(t).run("lint", "--to", url, file)
		require.Equal(t, cli.ExitFine, r.code, r.errors)
		require.Contains(t, r.out, "warning --to: found no reply of the broker, so its topics were not checked: ")
		require.Contains(t, r.out, "127.0.0.1:1: connect: connection refused")
		require.NotContains(t, r.out, "Config.")
		require.Contains(t, r.out, "no problems, 1 warning", "one broker, so one warning")
	}
	require.NotContains(t, newProgram(t).fine(t, "lint", "--to", "redis://"+miniredis.RunT(t).Addr(), file), "no reply")
}

func TestMergeExplainShowsThePlaceOfEachValue(t *testing.T) {
	t.Parallel()
	base := write(t, "base.json", `{"e": {"t": {"event_key_field": "a", "enabled": false}, "u": {}}}`)
	site := write(t, "site.json", `{"e": {"t": {"keyless": true}}}`)
	last := write(t, "last.json", `{"e": {"t": {"event_key_field": "b", "keyless": false, "enabled": true}}}`)
	var rows []struct {
		Topic        string
		Enabled, Key *struct {
			Field, Value, Layer string
			Line                int
		}
		Overridden []struct{ Field, Value, Layer string }
	}
	require.NoError(t, json.Unmarshal([]byte(newProgram(t).fine(t, "merge", "--explain", "--format", "json", base, site, last)), &rows))
	require.Len(t, rows, 2)
	require.Equal(t, "true", rows[0].Enabled.Value)
	require.Equal(t, last, rows[0].Enabled.Layer)
	require.Equal(t, "b", rows[0].Key.Value)
	require.Equal(t, 1, rows[0].Key.Line)
	require.Equal(t, []struct{ Field, Value, Layer string }{
		{"enabled", "false", base}, {"event_key_field", "a", base}, {"keyless", "true", site},
	}, rows[0].Overridden)
	require.Nil(t, rows[1].Enabled)
	require.Nil(t, rows[1].Key)
	table := newProgram(t).fine(t, "merge", "--explain", base, site)
	require.Contains(t, table, "keyless ("+site+":1)")
	require.Regexp(t, `e +u +missing +missing\n`, table)
}

func TestConvertReadsTheOldFormAndPythonSettings(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	r := p.run("convert", write(t, "list.json", `{"e": [{"topic": "t", "enabled": true}, {"topic": "t", "enabled": false}]}`))
	require.Equal(t, cli.ExitProblems, r.code)
	require.Empty(t, r.out)
	require.Contains(t, r.errors, "list.json:1:41: e → t: found ")

	p.Stdin = strings.NewReader("EVENT_BUS_PRODUCER_CONFIG = {'e': {'t': {'enabled': True}, NAME: {}}}")
	r = p.run("convert", "-")
	require.Equal(t, cli.ExitProblems, r.code)
	require.JSONEq(t, `{"e": {"t": {"enabled": true}}}`, r.out)
	require.Contains(t, r.errors, "-:1:60: e: found a value computed by NAME")

	r = p.run("convert", write(t, "empty.py", "A = 1\n"))
	require.Equal(t, cli.ExitProblems, r.code)
	require.Empty(t, r.out)
}

func TestModesAreShown(t *testing.T) {
	t.Parallel()
	const created, published = "org.openedx.learning.course.enrollment.created.v1", "org.openedx.content_authoring.xblock.published.v1"
	base := write(t, "base.json", `{"`+created+`": {"courses": {"event_key_field": "enrollment.course.course_key", "enabled": true, "mode": "immediate"}},
		"`+published+`": {"courses": {"event_key_field": "xblock_info.usage_key", "enabled": true}}}`)
	site := write(t, "site.json", `{"`+created+`": {"courses": {"mode": "outbox"}}}`)
	c := newProgram(t)
	require.Regexp(t, `KEY +MODE +OVERRIDDEN\n`, c.fine(t, "merge", "--explain", base, site))
	require.Contains(t, c.fine(t, "explain", created, "-c", base, "-c", site), "\n  mode        outbox ("+site+":1)\n")
	require.Contains(t, c.fine(t, "lint", base, site),
		"several modes on one topic: mode outbox of "+created+"; the default mode of "+published+"; events of different modes are not in order")

	wrong := write(t, "wrong.json", `{"`+created+`": {"courses": {"mode": "outbux"}}}`)
	require.Contains(t, c.run("lint", base, wrong).out, `mode: found outbux; want immediate, on-commit or outbox (did you mean "outbox"?)`)
}
