package franz_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// A request of franz-go can outlast its context.
func TestBrokerThatHangsIsNamedAndDoesNotDelayClose(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.NewCluster(t)
	b, err := franz.New(franz.Config{Brokers: cluster.ListenAddrs(), RequestTimeout: 10 * time.Minute})
	require.NoError(t, err)
	publish(t, b, func(signalcast.Receipt, error) {})
	require.NoError(t, b.Flush(t.Context()))
	hang := func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, nil, true
	}
	cluster.ControlKey(int16(kmsg.ApiVersions), hang)
	cluster.Stop()
	cluster.Start() // new connections are accepted, and get no response
	outcomes := make(chan error, 1)
	publish(t, b, func(_ signalcast.Receipt, err error) { outcomes <- err })
	require.Eventually(t, func() bool { return len(b.Troubles()) > 0 }, patience, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	closed := make(chan error, 1)
	go func() { closed <- b.Close(ctx) }()
	select {
	case err := <-closed:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(patience):
		t.Fatal("Close waits for the broker")
	}
	require.ErrorIs(t, <-outcomes, signalcast.ErrClosed)
}
