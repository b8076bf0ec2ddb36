package kafkabus_test

import (
	"testing"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// noLimits leaves the buffer at its defaults.
var noLimits backendtest.Limits

// forEachBackend runs a test with both clients, which differ in nothing that it looks at.
func forEachBackend(t *testing.T, test func(t *testing.T, open kafkatest.Open)) {
	t.Helper()
	t.Run("franz", func(t *testing.T) {
		t.Parallel()
		test(t, func(c kafkabus.Config) (signalcast.Backend, error) { return franz.New(c) })
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		test(t, func(c kafkabus.Config) (signalcast.Backend, error) { return kafka.New(c) })
	})
}
