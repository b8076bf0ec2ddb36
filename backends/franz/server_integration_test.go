//go:build integration

package franz_test

import (
	"testing"

	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestConformanceOnARealBroker(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, kafkatest.ServerHarness(t, open))
}

func TestKilledBrokerLosesAndReordersNothing(t *testing.T) {
	t.Parallel()
	kafkatest.Outage(t, open)
}

func BenchmarkBackend(b *testing.B) {
	backendtest.Bench(b, kafkatest.ServerHarness(b, open))
}
