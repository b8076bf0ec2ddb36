package kafkabus_test

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestAnOutageIsLoggedWithoutData(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		var mu sync.Mutex
		var logged bytes.Buffer
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{
			Brokers: cluster.ListenAddrs(), Logger: slog.New(slog.NewTextHandler(locked{&mu, &logged}, nil)),
		})
		delivered(t, publish(t, b, plain.message("topic", "personal", 1)))
		mu.Lock()
		require.Empty(t, logged.String())
		mu.Unlock()
		cluster.Stop()
		known := publish(t, b, plain.message("topic", "personal", 2))
		require.Eventually(t, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(logged.String(), "level=WARN")
		}, patience, time.Millisecond)
		cluster.Start()
		delivered(t, known)
		mu.Lock()
		defer mu.Unlock()
		require.NotContains(t, logged.String(), "personal")
	})
}

func TestWhatIsRefusedIsNotLoggedAsWorkingAgain(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		var mu sync.Mutex
		var logged bytes.Buffer
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{
			Brokers: cluster.ListenAddrs(), Logger: slog.New(slog.NewTextHandler(locked{&mu, &logged}, nil)),
		})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		code := kerr.NotEnoughReplicas.Code // which heals, and what follows does not
		cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			defer func() { code = kerr.TopicAuthorizationFailed.Code }()
			return answer(request, code), nil, true
		})
		require.ErrorIs(t, await(t, publish(t, b, plain.message("topic", "key", 2))).err, kafkabus.ErrDenied)
		require.NoError(t, b.Close(t.Context()))
		require.NotContains(t, logged.String(), "works again")
	})
}

// locked is a writer that several goroutines use.
type locked struct {
	mu *sync.Mutex
	io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Writer.Write(b)
}
