package scale_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/scale"
)

var update = flag.Bool("update", false, "write docs/scaling.md and its picture from testdata/measured.json")

const measuredFile = "testdata/measured.json"

func readMeasured(t *testing.T) (m scale.Measured) {
	t.Helper()
	text, err := os.ReadFile(measuredFile)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

func pageAndPicture(t *testing.T, m scale.Measured) (page, picture []byte) {
	t.Helper()
	transactions, err := os.ReadFile(filepath.Join("..", "..", "docs", "transactions.md"))
	require.NoError(t, err)
	page, err = scale.Page(m, transactions)
	require.NoError(t, err)
	return page, scale.Chart(m)
}

func TestPageIsCurrent(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("the page was written on amd64; other processors may round the simulation differently")
	}
	m := readMeasured(t)
	page, picture := pageAndPicture(t, m)
	for name, want := range map[string][]byte{"scaling.md": page, "scaling.svg": picture} {
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
	for _, s := range readMeasured(t).Series {
		for _, p := range append(append([]scale.Point(nil), s.Growth...), s.Load...) {
			for _, n := range p.Connections {
				require.LessOrEqual(t, n, p.Producers*bound(s), s.Bus)
				points++
			}
		}
	}
	require.Positive(t, points)
}

// The page shows the deviations. These are the largest ones for which its conclusions hold.
func TestModelDescribesWhatWasMeasured(t *testing.T) {
	t.Parallel()
	const ofGrowth, ofLoad = 0.2, 0.5
	const fastest = 10_000 // faster rates depend on the processor of the producer
	for _, s := range readMeasured(t).Series {
		c := scale.Fit(s)
		check := func(points []scale.Point, most float64) {
			for _, p := range points {
				if p.Wanted > fastest {
					continue
				}
				f := scale.Fleet{Producers: p.Producers, Rate: p.Events, Servers: 1, Cores: s.ServerProcessors()}
				predicted := c.Predict(f)
				require.InEpsilon(t, p.Requests, predicted.Requests, most, "%s: %d producers, %.0f events/s", s.Bus, p.Producers, p.Events)
				require.InEpsilon(t, p.Batch(), predicted.Batch, most, "%s: %d producers, %.0f events/s", s.Bus, p.Producers, p.Events)
			}
		}
		check(s.Growth, ofGrowth)
		check(s.Load, ofLoad)
	}
}

func TestPageNeedsTheCostsOfTheOutbox(t *testing.T) {
	t.Parallel()
	_, err := scale.Page(scale.Measured{}, []byte("| with an event | 1 (0.5×) | many |"))
	require.ErrorContains(t, err, "costs of the outbox: found no row")
}

// The page says so. 16 is the number of processors of its brokers.
func TestRequestsBreakBeforeConnections(t *testing.T) {
	t.Parallel()
	for _, s := range readMeasured(t).Series {
		cores := 16
		if s.Bus == scale.Redis {
			cores = 1
		}
		c := scale.Fit(s).Median()
		producers := int(10_000 / c.Connections)
		f := scale.Fleet{Producers: producers, Rate: 100 * float64(producers), Servers: s.Servers, Cores: cores}
		require.Greater(t, c.Predict(f).Latency, 10e-3, s.Bus)
	}
}
