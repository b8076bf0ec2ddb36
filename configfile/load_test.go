package configfile_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

var update = flag.Bool("update", false, "write the results to the files that tests compare with")

type orderEvent struct {
	Order order `avro:"order"`
}

type order struct {
	ID string `avro:"id"`
}

func shop(t *testing.T) *signalcast.Registry {
	t.Helper()
	r := signalcast.NewRegistry()
	require.NoError(t, r.Register(
		signalcast.NewSignal[orderEvent]("org.example.order.placed.v1"),
		signalcast.NewSignal[orderEvent]("org.example.order.shipped.v1"),
	))
	return r
}

// write creates a file and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestAllLanguagesGiveTheSameConfiguration(t *testing.T) {
	t.Parallel()
	want := signalcast.ProducerConfig{
		"org.example.order.placed.v1": {
			"orders": {EventKeyField: new("order.id"), Enabled: new(true)},
			"audit":  {Keyless: new(true), Enabled: new(false)},
			"später": {},
		},
		"org.example.order.shipped.v1": {},
	}
	files, err := filepath.Glob("testdata/same/*")
	require.NoError(t, err)
	require.Len(t, files, 3)
	for _, file := range files {
		loaded, err := configfile.Load(nil, configfile.File(file))
		require.NoError(t, err)
		require.Equal(t, want, loaded.Merged, file)
		require.Len(t, loaded.Layers, 1)
		for eventType, topics := range want {
			for topic := range topics {
				at := signalcast.ConfigPath{EventType: eventType, Topic: topic}
				require.Positive(t, loaded.Layers[0].Positions[at].Line, "%s: %s", file, at)
			}
		}
	}
}

// Beside each file of testdata/problems is the error of loading it.
func TestProblemsHaveTheirTextBesideTheFile(t *testing.T) {
	t.Parallel()
	registry := shop(t)
	found := 0
	err := filepath.WalkDir("testdata/problems", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) == "" || filepath.Ext(path) == ".txt" {
			return err
		}
		found++
		_, err = configfile.Load(registry, configfile.File(path))
		var invalid *signalcast.ValidationError
		require.ErrorAs(t, err, &invalid, path)
		got := strings.ReplaceAll(err.Error(), filepath.ToSlash(filepath.Dir(path))+"/", "") + "\n"
		if *update {
			require.NoError(t, os.WriteFile(path+".txt", []byte(got), 0o600))
		}
		want, err := os.ReadFile(path + ".txt")
		require.NoError(t, err)
		require.Equal(t, string(want), got, path)
		return nil
	})
	require.NoError(t, err)
	require.Positive(t, found)
}

func TestLaterSourceOverridesAndProvenanceHasBothPlaces(t *testing.T) {
	t.Parallel()
	base := write(t, "base.json", `{"org.example.order.placed.v1": {"orders": {"event_key_field": "order.id", "enabled": false}}}`)
	site := write(t, "site.toml", "['org.example.order.placed.v1'.orders]\nenabled = true\n")
	loaded, err := configfile.Load(shop(t), configfile.File(base), configfile.File(site))
	require.NoError(t, err)
	require.True(t, *loaded.Merged["org.example.order.placed.v1"]["orders"].Enabled)
	settings := loaded.Provenance.Settings("org.example.order.placed.v1", "orders", "enabled")
	require.Equal(t, []signalcast.Setting{
		{Layer: base, Position: signalcast.Position{Line: 1, Column: 76}, Field: "enabled", Value: "false"},
		{Layer: site, Position: signalcast.Position{Line: 2, Column: 1}, Field: "enabled", Value: "true"},
	}, settings)
}

func TestUnknownNameIsReportedBesideAFaultOfAnotherFile(t *testing.T) {
	t.Parallel()
	base := write(t, "base.yaml", "org.example.order.placed.v1:\n  orders: {event_key_field: order.no, enabled: maybe}\n")
	site := write(t, "site.yaml", "org.example.order.shpped.v1: {}\n")
	_, err := configfile.Load(shop(t), configfile.File(base), configfile.File(site))
	require.ErrorContains(t, err, base+":2:39: org.example.order.placed.v1 → orders → enabled: found a string")
	require.ErrorContains(t, err, base+`:2:12: org.example.order.placed.v1 → orders → event_key_field: key path "order.no"`)
	require.ErrorContains(t, err, site+`:1:1: org.example.order.shpped.v1: unknown event type`)
	require.NotContains(t, err.Error(), "missing")
}

func TestUnreadableFileIsReportedBesideTheProblemsOfOthers(t *testing.T) {
	t.Parallel()
	site := write(t, "site.yaml", "org.example.order.shpped.v1: {}\norg.example.order.placed.v1: {t: {enabled: true}}\n")
	_, err := configfile.Load(shop(t), configfile.File("nowhere.json"), configfile.File(site))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "unknown event type")
	require.NotContains(t, err.Error(), "missing", "the unreadable file may have the missing setting")

	_, err = configfile.Load(nil, configfile.File("settings"))
	require.EqualError(t, err, "settings: found no extension; want .json, .yaml, .yml or .toml")
	_, err = configfile.Load(nil, configfile.File("settings.ini"))
	require.EqualError(t, err, `settings.ini: found the extension ".ini"; want .json, .yaml, .yml or .toml`)
}

func TestLayersAndFunctionsAreSources(t *testing.T) {
	t.Parallel()
	own := signalcast.Layer{Name: "code", Config: signalcast.ProducerConfig{"org.example.order.placed.v1": {"t": {Enabled: new(true)}}}}
	_, err := configfile.Load(shop(t), configfile.Layer(own))
	require.EqualError(t, err,
		"code: org.example.order.placed.v1 → t → event_key_field: missing; want a key path, or keyless: true for events without a key")

	broken := errors.New("connection refused")
	_, err = configfile.Load(nil, func() (signalcast.Layer, error) { return signalcast.Layer{}, broken })
	require.ErrorIs(t, err, broken)
}

func TestLargeTextsAreRejected(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{".yaml", ".toml"} {
		fits := "#" + strings.Repeat("x", configfile.MaxBytes-2) + "\n"
		_, err := configfile.Load(nil, configfile.File(write(t, "a"+ending, fits)))
		require.NoError(t, err)
		_, err = configfile.Load(nil, configfile.File(write(t, "a"+ending, fits+"\n")))
		require.ErrorContains(t, err, "found a text of more than 262144 bytes; want at most 262144")
	}
	_, err := configfile.Load(nil, configfile.File(write(t, "a.json", strings.Repeat(" ", signalcast.MaxConfigBytes+100))))
	require.ErrorContains(t, err, "found a text of 16777217 bytes; want at most 16777216")
}

func TestProblemsBeyondTheMaximumAreCounted(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a.yaml": "{" + strings.Repeat("1: {},", 2*signalcast.MaxProblems) + "}",
		"b.json": `{"a":{"t":{` + strings.Repeat(`"x":1,`, 2*signalcast.MaxProblems) + `"enabled":true}}}`,
	} {
		_, err := configfile.Load(nil, configfile.File(write(t, name, text)))
		var invalid *signalcast.ValidationError
		require.ErrorAs(t, err, &invalid)
		require.Len(t, invalid.Problems, signalcast.MaxProblems)
		require.GreaterOrEqual(t, invalid.Omitted, signalcast.MaxProblems)
	}
}

func TestEnvironmentReadsJSONAndThePrefix(t *testing.T) {
	t.Setenv(configfile.ProducerConfigVariable, "")
	t.Setenv(configfile.TopicPrefixVariable, "stage")
	require.Equal(t, "stage", configfile.TopicPrefix())
	source := configfile.Environment(configfile.ProducerConfigVariable)
	loaded, err := configfile.Load(nil, source)
	require.NoError(t, err)
	require.Empty(t, loaded.Merged)

	t.Setenv(configfile.ProducerConfigVariable, `{"a.b": {"t": {"enabled": true}}}`)
	loaded, err = configfile.Load(nil, source)
	require.NoError(t, err)
	require.True(t, *loaded.Merged["a.b"]["t"].Enabled)

	t.Setenv(configfile.ProducerConfigVariable, `{"a.b": {"t": {"enabled": 1}}}`)
	_, err = configfile.Load(nil, source)
	require.EqualError(t, err, "EVENT_BUS_PRODUCER_CONFIG:1:27: a.b → t → enabled: found a number; want true or false, or null to inherit")
}
