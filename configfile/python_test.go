package configfile_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

// The text that testdata/python holds beside each file is what ConvertPython
// makes of it: a configuration, and the problems.
func TestPythonSettings(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/python/*.py")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		layer, problems := configfile.ConvertPython(filepath.Base(file), text)
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

func TestPlacesInPythonSettings(t *testing.T) {
	t.Parallel()
	layer, err := configfile.ConvertPython("x", []byte("EVENT_BUS_PRODUCER_CONFIG = {\n  'ä': {'t':\n {'enabled': True}}}\n"))
	require.NoError(t, err)
	require.Equal(t, map[signalcast.ConfigPath]signalcast.Position{
		{EventType: "ä"}:                               {Line: 2, Column: 3},
		{EventType: "ä", Topic: "t"}:                   {Line: 2, Column: 9},
		{EventType: "ä", Topic: "t", Field: "enabled"}: {Line: 3, Column: 3},
	}, layer.Positions)
}

// Python reads every end of a line as a line feed, within strings too.
func TestPythonSettingsWithOtherEndsOfLines(t *testing.T) {
	t.Parallel()
	const text = "EVENT_BUS_PRODUCER_CONFIG = {'org.example.\\\nuser': {\"\"\"a\nb\"\"\": \\\n{'enabled': True}}}\n"
	want, err := configfile.ConvertPython("x", []byte(text))
	require.NoError(t, err)
	require.Contains(t, want.Config["org.example.user"], "a\nb")
	for _, end := range []string{"\r\n", "\r"} {
		layer, err := configfile.ConvertPython("x", []byte(strings.ReplaceAll(text, "\n", end)))
		require.NoError(t, err, "%q", end)
		require.Equal(t, want, layer, "%q", end)
	}
}

// A brace in a string in a format string ends nothing and begins nothing.
func TestPythonFormatStringsThatHoldBraces(t *testing.T) {
	t.Parallel()
	const setting = "EVENT_BUS_PRODUCER_CONFIG = {'a': {}}\n"
	for _, text := range []string{
		`f"{'{'}"`, `f"{'}'}"`, `f"{x['{']}"`, `f"{x:'>10}"`, `f"{x:{'}'}>{y}}"`, `f"{ {'a': 1}['a'] }"`, `f"{f'{x}'}"`,
	} {
		layer, err := configfile.ConvertPython("x", []byte("a = "+text+"\n"+setting+"b = f\"{'}'}\"\n"+
			"EVENT_BUS_PRODUCER_CONFIG['b'] = {}\n"))
		require.NoError(t, err, text)
		require.Equal(t, signalcast.ProducerConfig{"a": {}, "b": {}}, layer.Config, text)
	}
}

func TestPythonTextsThatAreNotRead(t *testing.T) {
	t.Parallel()
	_, err := configfile.ConvertPython("x", []byte("# \xff"))
	require.EqualError(t, err, "x: found text that is not UTF-8; want Unicode text")
	_, err = configfile.ConvertPython("x", []byte(strings.Repeat(" ", configfile.MaxPythonBytes+1)))
	require.ErrorContains(t, err, "found a text of more than 4194304 bytes")
	deep := "EVENT_BUS_PRODUCER_CONFIG = " + strings.Repeat("[", configfile.MaxPythonBytes/2-20) + strings.Repeat("]", configfile.MaxPythonBytes/2-20)
	_, err = configfile.ConvertPython("x", []byte(deep))
	require.EqualError(t, err, "x:1:29: found no dict; want a dict")
}

func FuzzConvertPython(f *testing.F) { fuzz(f, "py", configfile.ConvertPython) }
