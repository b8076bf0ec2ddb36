//go:build !race

package signalcast_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// Not parallel, as TestAllocationsOfAnEvent.
//
//nolint:paralleltest // AllocsPerRun counts the whole process
func TestAllocationsOfAConfiguration(t *testing.T) {
	const eventTypes = 200 // of one data type, with 4 topics each
	signals := make([]signalcast.Definition, eventTypes)
	on, off := signalcast.ProducerConfig{}, signalcast.ProducerConfig{}
	for i := range signals {
		signals[i] = signalcast.NewSignal[order](fmt.Sprintf("org.example.order.step%d.v1", i))
		on[signals[i].EventType()] = ordersTo("a", "b", "c", "d")[orderPlaced]
		off[signals[i].EventType()] = map[string]signalcast.TopicConfig{"a": {Enabled: new(false)}, "b": {Enabled: new(false)}}
	}
	off = signalcast.MergeProducerConfigs(on, off)
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(signals...))
	d, err := signalcast.NewDispatcher(t.Context(), registry, on, discard{}, signalcast.WithTopicPrefix("p"))
	require.NoError(t, err)
	turn := 0
	for name, c := range map[string]struct {
		max float64 // for each event type
		run func() error
	}{
		"register":        {2, func() error { return signalcast.NewRegistry().Register(signals...) }},
		"merge":           {11, func() error { signalcast.MergeProducerConfigs(on, off); return nil }},
		"validate":        {0.1, func() error { return on.Validate(registry) }},
		"reload the same": {0.1, func() error { _, err := d.Reload(t.Context(), on); return err }},
		"reload another": {10, func() error {
			turn++
			_, err := d.Reload(t.Context(), []signalcast.ProducerConfig{off, on}[turn%2])
			return err
		}},
		"make a dispatcher": {16, func() error {
			d, err := signalcast.NewDispatcher(t.Context(), registry, on, discard{})
			return errors.Join(err, d.Close(t.Context()))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			allocs := testing.AllocsPerRun(10, func() { err = c.run() })
			require.NoError(t, err)
			require.LessOrEqual(t, allocs/eventTypes, c.max)
		})
	}
}
