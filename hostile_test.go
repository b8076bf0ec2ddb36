package signalcast_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/avro"
	"github.com/signalcast/signalcast/backends/memory"
)

func TestEventOf10MiBIsDelivered(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.backend = memory.New(memory.WithBuffer(0, 24<<20))
	d := s.dispatch(t, ordersTo("orders"), s.backend, signalcast.WithDeadLetter("dead"))
	note := strings.Repeat("0123456789abcdef", 10<<16)
	require.NoError(t, s.send(t, order{Number: "17", Note: &note}))
	m := s.backend.Messages("orders")[0]
	decoded, err := avro.Decode(m.Event.ValueSchema, m.Event.Value)
	require.NoError(t, err)
	require.Equal(t, note, decoded.(map[string]any)["note"])

	require.ErrorIs(t, s.send(t, order{Number: note, Note: &note}), signalcast.ErrTooLarge, "20 MiB in the value and 10 MiB in the key")
	s.backend.Inject(memory.Fault{Topic: "orders", Err: failing.Err})
	err = s.send(t, order{Number: "17", Note: &note})
	require.ErrorIs(t, err, failing.Err)
	require.Less(t, len(err.Error()), 1000)
	require.Equal(t, m.Event.Value, s.backend.Messages("orders-dead")[0].Event.Value)
	require.Equal(t, signalcast.Stats{Accepted: 3, Delivered: 2, Failed: 1, Rejected: 1, DeadLetters: 1}, d.Stats())
}

// manyShop has 10,000 signals, which is far more than any service has.
func manyShop(t *testing.T) (*signalcast.Registry, []*signalcast.Signal[order], signalcast.ProducerConfig) {
	t.Helper()
	const many = 10_000
	registry, config := signalcast.NewRegistry(), signalcast.ProducerConfig{}
	signals, definitions := make([]*signalcast.Signal[order], many), make([]signalcast.Definition, many)
	for i := range signals {
		name := fmt.Sprintf("org.example.kind%d.happened.v1", i)
		signals[i] = signalcast.NewSignal[order](name)
		definitions[i] = signals[i]
		config[name] = map[string]signalcast.TopicConfig{
			fmt.Sprintf("topic-%d", i): {EventKeyField: new("number"), Enabled: new(true)},
			"everything":               {Keyless: new(true), Enabled: new(i%2 == 0)},
		}
	}
	require.NoError(t, registry.Register(definitions...))
	return registry, signals, config
}

func TestTenThousandEventTypesCanBeConfigured(t *testing.T) {
	t.Parallel()
	registry, signals, config := manyShop(t)
	text, err := config.MarshalJSON()
	require.NoError(t, err)
	parsed, err := signalcast.ParseProducerConfig(text)
	require.NoError(t, err)
	require.Equal(t, config, signalcast.MergeProducerConfigs(parsed, config))

	b := memory.New()
	d, err := signalcast.NewDispatcher(t.Context(), registry, parsed, b, signalcast.WithEmptyAllowed())
	require.NoError(t, err)
	require.Len(t, d.Routes(), 2*len(signals))
	for _, signal := range signals {
		require.NoError(t, signal.Send(t.Context(), registry, order{Number: "1"}))
	}
	require.Len(t, b.Messages("everything"), len(signals)/2)
	require.Len(t, b.Messages("topic-9999"), 1)
	change, err := d.Reload(t.Context(), signalcast.ProducerConfig{})
	require.NoError(t, err)
	require.Len(t, change.Stopped, len(signals)*3/2)
}

func TestTenThousandMistakesAreListedInBoundedSpace(t *testing.T) {
	t.Parallel()
	registry, _, config := manyShop(t)
	for _, topics := range config {
		topics["everything"] = signalcast.TopicConfig{EventKeyField: new("nunber"), Enabled: new(true)}
	}
	err := config.Validate(registry)
	require.ErrorAs(t, err, new(*signalcast.ValidationError))
	require.Less(t, len(err.Error()), 1<<20)
	require.Contains(t, err.Error(), "number")
}
