package scale_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/scale"
)

var update = flag.Bool("update", false, "write docs/scaling.md and its picture from testdata/measured.json")

func measurements(t *testing.T) (m scale.Measured) {
	t.Helper()
	text, err := os.ReadFile("testdata/measured.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

func TestPageIsCurrent(t *testing.T) {
	t.Parallel()
	m := measurements(t)
	transactions, err := os.ReadFile(filepath.Join("..", "..", "docs", "transactions.md"))
	require.NoError(t, err)
	page, err := scale.Page(m, transactions)
	require.NoError(t, err)
	for name, want := range map[string][]byte{"scaling.md": page, "scaling.svg": scale.Chart(m)} {
		file := filepath.Join("..", "..", "docs", name)
		if *update {
			require.NoError(t, os.WriteFile(file, want, 0o644))
		}
		found, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(found), "go test ./test/scale -update writes it")
	}
}

// The page says that no producer exceeded these bounds.
func TestMeasuredProducersStayWithinTheirBounds(t *testing.T) {
	t.Parallel()
	bound := func(s scale.Series) int {
		switch s.Bus {
		case scale.Redis:
			return scale.RedisMostConnections
		case scale.Kafka:
			return scale.KafkaMostConnections(s.Servers, s.Topics)
		default:
			return scale.FranzMostConnections
		}
	}
	points := 0
	for _, s := range measurements(t).Series {
		for _, p := range append(append([]scale.Point(nil), s.Growth...), s.Load...) {
			for _, n := range p.Connections {
				require.LessOrEqual(t, n, p.Producers*bound(s), s.Bus)
				points++
			}
		}
	}
	require.Positive(t, points)
}
