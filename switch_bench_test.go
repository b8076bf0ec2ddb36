package signalcast_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// openLarge returns a dispatcher with 10,000 routes.
func openLarge(b *testing.B) (*signalcast.Dispatcher, *signalcast.Registry, []*signalcast.Signal[order]) {
	b.Helper()
	signals := make([]*signalcast.Signal[order], 2500)
	registry := signalcast.NewRegistry()
	config := signalcast.ProducerConfig{}
	for i := range signals {
		signals[i] = signalcast.NewSignal[order](fmt.Sprintf("org.example.order.step%d.v1", i))
		require.NoError(b, registry.Register(signals[i]))
		config[signals[i].EventType()] = ordersTo("a", "b", "c", "d")[orderPlaced]
	}
	d, err := signalcast.NewDispatcher(b.Context(), registry, config, discard{})
	require.NoError(b, err)
	return d, registry, signals
}

func BenchmarkSwitchOffOf10000Routes(b *testing.B) {
	d, _, _ := openLarge(b)
	for b.Loop() {
		require.NoError(b, d.SwitchOff(signalcast.Switch{Reason: "test"}))
	}
}

func BenchmarkHealthOf10000Routes(b *testing.B) {
	d, _, _ := openLarge(b)
	for b.Loop() {
		_ = d.Health()
	}
}

func BenchmarkSuppressedEvent(b *testing.B) {
	d, registry, signals := openLarge(b)
	require.NoError(b, d.SwitchOff(signalcast.Switch{Reason: "test"}))
	data := order{Number: "17"}
	b.ReportAllocs()
	for b.Loop() {
		_ = signals[0].Send(b.Context(), registry, data)
	}
}
