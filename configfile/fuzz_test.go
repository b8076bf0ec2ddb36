package configfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

func FuzzParseYAML(f *testing.F) { fuzz(f, "yaml", configfile.ParseYAML) }

func FuzzParseTOML(f *testing.F) { fuzz(f, "toml", configfile.ParseTOML) }

// fuzz checks that problems are complete, that positions are valid, and that a round trip through JSON
// does not change the configuration.
func fuzz(f *testing.F, ending string, parse func(string, []byte) (signalcast.Layer, error)) {
	f.Helper()
	files, err := filepath.Glob("testdata/*/*." + ending)
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		layer, err := parse("fuzz", text)
		var invalid *signalcast.ValidationError
		if errors.As(err, &invalid) {
			require.NotEmpty(t, invalid.Problems)
			for _, p := range invalid.Problems {
				require.Equal(t, "fuzz", p.Layer)
				require.NotEmpty(t, p.Found)
			}
		} else {
			require.NoError(t, err)
		}
		written, err := layer.Config.MarshalJSON()
		require.NoError(t, err)
		again, err := signalcast.ParseProducerConfig(written)
		require.NoError(t, err)
		require.Equal(t, signalcast.MergeProducerConfigs(layer.Config), again)
		for at := range layer.Positions {
			require.Positive(t, layer.Positions[at].Line)
			require.Positive(t, layer.Positions[at].Column)
		}
	})
}
