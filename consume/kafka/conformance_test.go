package kafka_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/consumetest"
	"github.com/signalcast/signalcast/consume/kafka"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, c := range consumetest.Cases(target(nil)) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t, target(newBusWith(t)))
		})
	}
}

// target connects the conformance suite to a cluster that only one case uses.
func target(b *bus) consumetest.Target {
	var clients sync.Map // names, by source
	return consumetest.Target{
		New: func(t testing.TB, m consumetest.Member) consume.Source {
			t.Helper()
			b.create(t, m.Topics...)
			c := kafka.Config{Config: b.config, Group: m.Group, Topics: m.Topics, Start: m.Start, SessionTimeout: 6 * time.Second}
			c.ClientID = "member-" + signalcast.NewUUID().String()
			source, err := kafka.New(c)
			require.NoError(t, err)
			clients.Store(source, c.ClientID)
			return source
		},
		Backend: func(t testing.TB) signalcast.Backend {
			t.Helper()
			backend, err := franz.New(b.config)
			require.NoError(t, err)
			return backend
		},
		Kill: func(t testing.TB, s consume.Source) {
			t.Helper()
			client, ok := clients.Load(s)
			require.True(t, ok)
			b.Cut(client.(string))
		},
		Interrupt: func(testing.TB) (restore func()) {
			b.Stop()
			return b.Start
		},
	}
}
