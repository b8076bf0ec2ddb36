package kafka_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/consumetest"
	"github.com/signalcast/signalcast/consume/kafka"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	consumetest.Run(t, consumetest.Target{
		New: func(t testing.TB, m consumetest.Member) consume.Source {
			t.Helper()
			b.create(t, m.Topics...)
			source, err := kafka.New(kafka.Config{Config: b.config, Group: m.Group, Topics: m.Topics, Start: m.Start})
			require.NoError(t, err)
			return source
		},
		Backend: func(t testing.TB) signalcast.Backend {
			t.Helper()
			backend, err := franz.New(b.config)
			require.NoError(t, err)
			return backend
		},
		Interrupt: func(testing.TB) (restore func()) {
			b.Stop()
			return b.Start
		},
	})
}
