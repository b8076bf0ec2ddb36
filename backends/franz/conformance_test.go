package franz_test

import (
	"testing"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func open(c kafkabus.Config) (signalcast.Backend, error) { return franz.New(c) }

func TestConformance(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, kafkatest.Harness(open))
}

func TestMessageThatFailedIsNotWrittenBehindLaterOnes(t *testing.T) {
	t.Parallel()
	kafkatest.Fence(t, open)
}
