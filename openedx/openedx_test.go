package openedx_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx"
)

func readJSON(tb testing.TB, into any, path ...string) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", "testdata", "golden"}, path...)...))
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(text, into))
}

func newRegistry(tb testing.TB) *signalcast.Registry {
	tb.Helper()
	r := signalcast.NewRegistry(signalcast.WithSource(openedx.Source("lms")))
	require.NoError(tb, r.Register(openedx.Signals()...))
	return r
}

type referenceSignal struct {
	EventType    string `json:"event_type"`
	MinorVersion int64  `json:"minor_version"`
	Serialisable bool
}

// referenceSignals returns the signals of the reference, sorted by event type.
func referenceSignals(tb testing.TB) []referenceSignal {
	tb.Helper()
	var catalog struct{ Signals []referenceSignal }
	readJSON(tb, &catalog, "catalog.json")
	slices.SortFunc(catalog.Signals, func(a, b referenceSignal) int { return strings.Compare(a.EventType, b.EventType) })
	return catalog.Signals
}

func TestEveryEventTypeOfTheReferenceIsSignalOrUnsupported(t *testing.T) {
	t.Parallel()
	signals, unsupported := openedx.Signals(), openedx.Unsupported()
	require.Len(t, signals, 73)
	require.Len(t, unsupported, 2)
	for _, want := range referenceSignals(t) {
		if !want.Serialisable {
			require.Equal(t, want.EventType, unsupported[0].EventType)
			require.Contains(t, unsupported[0].Reason, "file")
			unsupported = unsupported[1:]
			continue
		}
		require.Equal(t, want.EventType, signals[0].EventType())
		require.Equal(t, want.MinorVersion, signals[0].MinorVersion())
		require.Regexp(t, `^[A-Z].*\.$`, signals[0].Doc())
		signals = signals[1:]
	}
	require.Empty(t, signals)
	require.Empty(t, unsupported)
}

func TestAllSignalsFitInOneRegistry(t *testing.T) {
	t.Parallel()
	require.Len(t, newRegistry(t).Definitions(), 73)
}

func TestReturnedListsAreCopies(t *testing.T) {
	t.Parallel()
	clear(openedx.Signals())
	require.NotContains(t, openedx.Signals(), nil)
	clear(openedx.Unsupported())
	require.NotEmpty(t, openedx.Unsupported()[0].EventType)
	clear(openedx.DefaultConfig())
	for _, topics := range openedx.DefaultConfig() {
		for _, topic := range topics {
			*topic.Enabled = true
		}
	}
	for _, topics := range openedx.DefaultConfig() {
		for _, topic := range topics {
			require.False(t, *topic.Enabled)
		}
	}
}

func TestDefaultConfigHasPlatformTopicsDisabled(t *testing.T) {
	t.Parallel()
	var platform signalcast.ProducerConfig
	readJSON(t, &platform, "platform_config.json")
	require.NotEmpty(t, platform)
	for _, topics := range platform {
		for name, topic := range topics {
			topic.Enabled = new(false)
			topics[name] = topic
		}
	}
	require.Equal(t, platform, openedx.DefaultConfig())
	require.NoError(t, openedx.DefaultConfig().Validate(newRegistry(t)))
}

func TestSourceEqualsTheReference(t *testing.T) {
	t.Parallel()
	require.Equal(t, "openedx/lms/web", openedx.Source("lms"))
	require.Equal(t, "openedx/SERVICE_NAME_UNSET/web", openedx.Source(""))
}

func BenchmarkRegister(b *testing.B) {
	signals := openedx.Signals()
	b.ReportAllocs()
	for b.Loop() {
		if err := signalcast.NewRegistry().Register(signals...); err != nil {
			b.Fatal(err)
		}
	}
}
