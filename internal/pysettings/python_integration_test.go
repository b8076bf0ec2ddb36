//go:build integration

package pysettings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/pysettings"
)

// runner runs programs and prints the setting of each, or null if the program fails.
const runner = `
import json, sys, types
sys.modules["other"] = types.ModuleType("other")
results = []
for source in json.load(sys.stdin):
    names = {"__name__": "settings", "DEBUG": True, "print": lambda *_: None}
    try:
        exec(compile(source.encode(), "settings.py", "exec"), names)
        setting = names.get("EVENT_BUS_PRODUCER_CONFIG")
        json.dumps(setting)
        results.append(setting)
    except Exception:
        results.append(None)
json.dump(results, sys.stdout)
`

// Read returns the configuration that Python computes, or an error.
func TestPythonComputesTheSame(t *testing.T) {
	t.Parallel()
	var programs []string
	for _, c := range convertible() {
		programs = append(programs, c.program)
	}
	for _, c := range indirect() {
		programs = append(programs, c.program)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		programs = append(programs, generate(random))
	}
	in, err := json.Marshal(programs)
	require.NoError(t, err)
	python := exec.CommandContext(t.Context(), "python3", "-c", runner)
	python.Stdin, python.Stderr = bytes.NewReader(in), t.Output()
	out, err := python.Output()
	require.NoError(t, err)
	var want []json.RawMessage
	require.NoError(t, json.Unmarshal(out, &want))

	converted := 0
	for i, program := range programs {
		layer, err := pysettings.Read("x", []byte(program))
		if err != nil {
			continue
		}
		if string(want[i]) == "null" {
			continue // the program needs names of other files
		}
		expected, err := parse(want[i])
		require.NoError(t, err, program)
		require.Equal(t, expected, signalcast.MergeProducerConfigs(layer.Config), program)
		converted++
	}
	require.Greater(t, converted, 300)
	t.Logf("%d of %d programs converted", converted, len(programs))
}

// parse parses a configuration whose topics may be in the old form.
func parse(text json.RawMessage) (signalcast.ProducerConfig, error) {
	var eventTypes map[string]json.RawMessage
	if err := json.Unmarshal(text, &eventTypes); err != nil {
		return nil, err
	}
	config := signalcast.ProducerConfig{}
	for eventType, topics := range eventTypes {
		one, err := json.Marshal(map[string]json.RawMessage{eventType: topics})
		if err != nil {
			return nil, err
		}
		read := signalcast.ParseProducerConfig
		if bytes.HasPrefix(topics, []byte("[")) {
			read = signalcast.ConvertListConfig
		}
		part, err := read(one)
		if err != nil {
			return nil, err
		}
		config[eventType] = part[eventType]
	}
	return config, nil
}

// generate returns a program of random statements.
func generate(random *rand.Rand) string {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	value := func() string {
		return pick("{}", "{'t': {}}", "{'t': {'enabled': True}}", "{T: {'enabled': ON}}", "{'t': {'event_key_field': 'k', 'enabled': False}}",
			"{'t': {'enabled': not ON}}", "[{'topic': 't', 'enabled': True}]", "dict()", "({'t': {}})")
	}
	name := func() string { return pick("'a'", "'b'", `"a"`, "'a' 'b'", "T", "T + 'x'") }
	const setting = "EVENT_BUS_PRODUCER_CONFIG"
	var b strings.Builder
	for range 1 + random.IntN(6) {
		line := pick(
			setting+fmt.Sprintf(" = {%s: %s}", name(), value()),
			setting+fmt.Sprintf("[%s] = %s", name(), value()),
			setting+fmt.Sprintf("[%s]['t'] = {'enabled': %s}", name(), pick("True", "False", "ON")),
			setting+fmt.Sprintf(".update({%s: %s})", name(), value()),
			setting+fmt.Sprintf(" |= {%s: %s}", name(), value()),
			"T = 'x'", "ON = True", "ON = False", "T = T.upper()", "from other import *", "globals().update({})",
			"if DEBUG:\n    "+setting+" = {}", "if DEBUG: pass; \\\n"+setting+" = {}", "x = 1; "+setting+" = {'c': {}}",
			"for T in ['y']: pass", "def f(T):\n    return T", "print(T)", "(T, ON) = ('z', True)", "del T", setting,
			"T: str = 'q'", "exec(\"T = 'w'\")", "f\"{(T := 'v')}\"", "f\"{EVENT_BUS_PRODUCER_CONFIG.clear()}\"", "g = globals()", "vars().update(T='u')", "with open('/dev/null') as T: pass", "[T for T in 'ab']", "\uff34 = 'v'",
		)
		b.WriteString(line + "\n")
	}
	return b.String()
}
