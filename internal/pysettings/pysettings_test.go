package pysettings_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/pysettings"
)

var update = flag.Bool("update", false, "write the results to the files that tests compare with")

// Beside each file of testdata/programs is the result of Read.
func TestProgramsHaveTheirResultBesideThem(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/programs/*.py")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		layer, problems := pysettings.Read(filepath.Base(file), text)
		config, err := json.MarshalIndent(layer.Config, "", "  ")
		require.NoError(t, err)
		got := string(config) + "\n"
		if problems != nil {
			got += problems.Error() + "\n"
		}
		if *update {
			require.NoError(t, os.WriteFile(file+".txt", []byte(got), 0o600))
		}
		want, err := os.ReadFile(file + ".txt")
		require.NoError(t, err)
		require.Equal(t, string(want), got, file)
	}
}

func TestNamesHaveTheirPosition(t *testing.T) {
	t.Parallel()
	layer, err := pysettings.Read("x", []byte("EVENT_BUS_PRODUCER_CONFIG = {\n  'ä': {'t':\n {'enabled': True}}}\n"))
	require.NoError(t, err)
	require.Equal(t, map[signalcast.ConfigPath]signalcast.Position{
		{EventType: "ä"}:                               {Line: 2, Column: 3},
		{EventType: "ä", Topic: "t"}:                   {Line: 2, Column: 9},
		{EventType: "ä", Topic: "t", Field: "enabled"}: {Line: 3, Column: 3},
	}, layer.Positions)
}

// Python reads every line ending as a line feed, in strings too.
func TestLineEndingsAreReadAsLineFeeds(t *testing.T) {
	t.Parallel()
	const text = "EVENT_BUS_PRODUCER_CONFIG = {'org.example.\\\nuser': {\"\"\"a\nb\"\"\": \\\n{'enabled': True}}}\n"
	want, err := pysettings.Read("x", []byte(text))
	require.NoError(t, err)
	require.Contains(t, want.Config["org.example.user"], "a\nb")
	for _, end := range []string{"\r\n", "\r"} {
		layer, err := pysettings.Read("x", []byte(strings.ReplaceAll(text, "\n", end)))
		require.NoError(t, err, "%q", end)
		require.Equal(t, want, layer, "%q", end)
	}
}

func TestBracesInStringsOfFormatStringsAreText(t *testing.T) {
	t.Parallel()
	const setting = "EVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n"
	for _, text := range []string{
		`f"{'{'}"`, `f"{'}'}"`, `f"{x['{']}"`, `f"{x:'>10}"`, `f"{x:{'}'}>{y}}"`, `f"{ {'a': 1}['a'] }"`, `f"{f'{x}'}"`,
	} {
		layer, err := pysettings.Read("x", []byte("a = "+text+"\n"+setting+"b = f\"{'}'}\"\n"+
			"EVENT_BUS_PRODUCER_CONFIG['b'] = {}\n"))
		require.NoError(t, err, text)
		require.Equal(t, signalcast.ProducerConfig{"a": {}, "b": {}}, layer.Config, text)
	}
}

func TestInvalidAndLargeTextsAreRejected(t *testing.T) {
	t.Parallel()
	_, err := pysettings.Read("x", []byte("# \xff"))
	require.EqualError(t, err, "x: found invalid UTF-8; want text in UTF-8")
	_, err = pysettings.Read("x", []byte(strings.Repeat(" ", pysettings.MaxBytes+1)))
	require.ErrorContains(t, err, "found a text of more than 4194304 bytes")
	deep := "EVENT_BUS_PRODUCER_CONFIG = " + strings.Repeat("[", pysettings.MaxBytes/2-20) + strings.Repeat("]", pysettings.MaxBytes/2-20)
	_, err = pysettings.Read("x", []byte(deep))
	require.ErrorContains(t, err, "found more than 1000000 words and symbols; want a smaller file")
}

// FuzzRead checks that problems are bounded, and that a round trip through JSON does not change the
// configuration.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/programs/*.py")
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		layer, err := pysettings.Read("fuzz", text)
		if invalid, ok := errors.AsType[*signalcast.ValidationError](err); ok {
			for _, p := range invalid.Problems {
				require.Equal(t, "fuzz", p.Layer)
				require.NotEmpty(t, p.Code)
				require.NotEmpty(t, p.Found)
				require.Less(t, len(p.String()), 2000, "a problem is bounded")
			}
		} else {
			require.NoError(t, err)
		}
		written, err := layer.Config.MarshalJSON()
		require.NoError(t, err)
		again, err := signalcast.ParseProducerConfig(written)
		require.NoError(t, err)
		require.Equal(t, signalcast.MergeProducerConfigs(layer.Config), again)
	})
}

// indirect returns programs for which a converter that looks only for the name of the setting
// returns a configuration that Python does not compute.
func indirect() map[string]struct{ program, want string } {
	const assign = "EVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n"
	return map[string]struct{ program, want string }{
		"an import of all names after it":       {assign + "from other import *\n", "x:2:19: found an import of all names, which can change EVENT_BUS_PRODUCER_CONFIG;"},
		"an import of all names before":         {"from other import *\nEVENT_BUS_PRODUCER_CONFIG.update({'a': {}})\n", "x:1:19: "},
		"globals":                               {assign + "globals().update(EVENT_BUS_PRODUCER=1)\n", "x:2:1: found an update of all names, which can change"},
		"vars":                                  {assign + "vars().update({'EVENT_BUS_' + 'PRODUCER_CONFIG': 1})\n", "x:2:1: "},
		"exec":                                  {assign + "exec('EVENT_BUS_' 'PRODUCER_CONFIG = {}')\n", "x:2:1: "},
		"globals in an assignment":              {"g = globals()\n" + assign + "g[NAME] = {}\n", "x:1:5: found code that executes text"},
		"an update with globals":                {"vars().update(g=globals())\n" + assign + "g[NAME] = {}\n", "x:1:17: found code that executes text"},
		"frames":                                {assign + "inspect.currentframe().f_globals.clear()\n", "x:2:24: "},
		"a function that gets the module":       {assign + "add_plugins(__name__, 'lms')\n", "x:2:13: found code that gets the name of the module, which can change"},
		"the module by its name":                {assign + "getattr(sys.modules[__name__], NAME).clear()\n", "x:2:13: found code that executes text"},
		"a format string":                       {assign + "x = f\"{EVENT_BUS_PRODUCER_CONFIG.clear()}\"\n", "x:2:5: found EVENT_BUS_PRODUCER_CONFIG in a statement that begins with x;"},
		"exec in a format string":               {assign + "x = f'{exec(TEXT)}'\n", "x:2:5: found code that executes text"},
		"an annotation that changes it":         {"EVENT_BUS_PRODUCER_CONFIG: f() = {'a': {}}\n", "x:1:1: found another statement with EVENT_BUS_PRODUCER_CONFIG"},
		"a constant before exec":                {"T = 'a'\nexec(TEXT)\nEVENT_BUS_PRODUCER_CONFIG = {T: {}}\n", "x:3:30: found a value computed by T"},
		"a constant before an import":           {"T = 'a'\nfrom other import *\nEVENT_BUS_PRODUCER_CONFIG = {T: {}}\n", "x:3:30: found a value computed by T"},
		"a constant in a format string":         {"T = 'a'\nf\"{(T := 'b')}\"\nEVENT_BUS_PRODUCER_CONFIG = {T: {}}\n", "x:3:30: found a value computed by T"},
		"exec in a function":                    {"def f():\n    exec(x)\n" + assign + "f()\n", "x:2:5: "},
		"setattr":                               {assign + "import sys\nsetattr(sys.modules[__name__], NAME, {})\n", "x:3:1: "},
		"a block that continues after ;":        {assign + "if DEBUG: pass; \\\nEVENT_BUS_PRODUCER_CONFIG = {}\n", "x:3:1: found EVENT_BUS_PRODUCER_CONFIG in a block"},
		"a block whose line is continued":       {assign + "if DEBUG:\n    \\\nEVENT_BUS_PRODUCER_CONFIG = {}\n", "x:4:1: found EVENT_BUS_PRODUCER_CONFIG in a block"},
		"a full-width name":                     {assign + "\uff25VENT_BUS_PRODUCER_CONFIG['b'] = COMPUTED\n", "x:2:34: b: found a value computed by COMPUTED"},
		"a full-width underscore":               {assign + "EVENT\uff3fBUS_PRODUCER_CONFIG.clear()\n", "x:2:1: found .clear"},
		"a latin-1 coding line":                 {"# -*- coding: latin-1 -*-\nEVENT_BUS_PRODUCER_CONFIG = {'\u00e9': {}}\n", "x: found the encoding latin-1; want utf-8"},
		"a coding that changes ASCII":           {"#!/usr/bin/python\n# vim: set fileencoding=utf-7 :\n" + assign, "x: found the encoding utf-7; want utf-8"},
		"an unclosed brace":                     {"A = 1\nEVENT_BUS_PRODUCER_CONFIG = {'a': {\n'b': {}\n", "x:2:35: found { without a closing bracket; want valid Python"},
		"a bracket of another kind":             {"EVENT_BUS_PRODUCER_CONFIG = {'a': {)}\n", "x:1:36: found ) without an opening bracket; want valid Python"},
		"a constant that is assigned twice":     {"T = 'a'\n" + "EVENT_BUS_PRODUCER_CONFIG = {T: {}}\nT = 'b'\n", "x:2:30: found a value computed by T"},
		"a constant that a block assigns":       {"T = 'a'\nif DEBUG:\n    T = 'b'\nEVENT_BUS_PRODUCER_CONFIG = {T: {}}\n", "x:4:30: found a value computed by T"},
		"a constant that is a target in a list": {"T = 'a'\nT, U = 'b', 'c'\nEVENT_BUS_PRODUCER_CONFIG = {T: {}}\n", "x:3:30: found a value computed by T"},
		"a constant that is a number":           {"T = 1\nEVENT_BUS_PRODUCER_CONFIG = {T: {}}\n", "x:2:30: found a value computed by T"},
		"a part of a constant":                  {"T = 'a'\nEVENT_BUS_PRODUCER_CONFIG = {T.lower(): {}}\n", "x:2:30: found a value computed by T.lower(…)"},
	}
}

func TestIndirectChangesAreReportedWithTheirLine(t *testing.T) {
	t.Parallel()
	for name, c := range indirect() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pysettings.Read("x", []byte(c.program))
			require.ErrorContains(t, err, c.want)
		})
	}
}

// convertible returns programs that are converted without problems.
func convertible() map[string]struct {
	program string
	want    signalcast.ProducerConfig
} {
	a := signalcast.ProducerConfig{"a": {}}
	return map[string]struct {
		program string
		want    signalcast.ProducerConfig
	}{
		"an assignment after an import of all names": {"from other import *\nEVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n", a},
		"an assignment after an update of all names": {"vars().update(X)\nEVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n", a},
		"a logger with the name of the module":       {"log = logging.getLogger(__name__)\nEVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n", a},
		"the name of the module as a value":          {"LOGGERS = {'x': 1, __name__: 2}\nNAMES = [1, __name__]\nEVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n", a},
		"a constant after an import of all names":    {"from other import *\nT = 'a'\nEVENT_BUS_PRODUCER_CONFIG = {T: {}}\n", a},
		"a format string with the name as text":      {"x = f'EVENT_BUS_PRODUCER_CONFIG exec {y}'\nEVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n", a},
		"a constant as a name":                       {"T = 'a'\nEVENT_BUS_PRODUCER_CONFIG = {T: {}}\n", a},
		"a constant that is used elsewhere":          {"T = 'a'\nprint(T, T + 'x', [T])\nEVENT_BUS_PRODUCER_CONFIG = {}\nEVENT_BUS_PRODUCER_CONFIG[T] = {}\n", a},
		"constants as values": {
			"TOPIC = 'to' 'pic'\nON = True\nEVENT_BUS_PRODUCER_CONFIG = {'a': {TOPIC: {'enabled': ON}}}\n",
			signalcast.ProducerConfig{"a": {"topic": {Enabled: new(true)}}},
		},
		"a statement after a semicolon": {"x = 1; EVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n", a},
		"ASCII in latin-1":              {"# -*- coding: iso-8859-1 -*-\nEVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n", a},
		"a full-width name":             {"\uff25VENT_BUS_PRODUCER_CONFIG = {'a': {}}\n", a},
	}
}

func TestLiteralsAreConverted(t *testing.T) {
	t.Parallel()
	for name, c := range convertible() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			layer, err := pysettings.Read("x", []byte(c.program))
			require.NoError(t, err)
			require.Equal(t, c.want, layer.Config)
		})
	}
}

func TestErrorsOfLargeProgramsAreShort(t *testing.T) {
	t.Parallel()
	for name, program := range map[string]string{
		"a long name":          "EVENT_BUS_PRODUCER_CONFIG = " + strings.Repeat("n", 4_000_000) + "\n",
		"a long attribute":     "EVENT_BUS_PRODUCER_CONFIG = a" + strings.Repeat(".a", 400_000) + "\n",
		"a long method":        "EVENT_BUS_PRODUCER_CONFIG." + strings.Repeat("n", 4_000_000) + "()\n",
		"a long coding":        "# coding: " + strings.Repeat("n", 4_000) + "\n",
		"too many words":       strings.Repeat("a ", 2_000_000),
		"too many open braces": "EVENT_BUS_PRODUCER_CONFIG = " + strings.Repeat("{", 4_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pysettings.Read("x", []byte(program))
			require.Error(t, err)
			require.Less(t, len(err.Error()), 1000)
		})
	}
}
