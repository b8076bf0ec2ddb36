package kafkabus_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestOutageIsLoggedWithoutData(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		var log warnings
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), Logger: log.logger()})
		delivered(t, publish(t, b, plain.message("topic", "personal", 1)))
		require.Empty(t, log.unhurried())
		cluster.Stop()
		known := publish(t, b, plain.message("topic", "personal", 2))
		log.await(t)
		cluster.Start()
		delivered(t, known)
		require.NotContains(t, log.String(), "personal")
	})
}

func TestConnectionThatTheBrokerClosesIsNotLogged(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		var log warnings
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), Logger: log.logger()})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		cluster.LoseAcknowledgements(1)
		delivered(t, publish(t, b, plain.message("topic", "key", 2)))
		require.Empty(t, log.unhurried())
	})
}

func TestRejectionIsNotLoggedAsRecovery(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		var log warnings
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), Logger: log.logger()})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		code := kerr.NotEnoughReplicas.Code // temporary; the next one is permanent
		cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			defer func() { code = kerr.TopicAuthorizationFailed.Code }()
			return answer(request, code), nil, true
		})
		require.ErrorIs(t, await(t, publish(t, b, plain.message("topic", "key", 2))).err, kafkaconfig.ErrDenied)
		require.NoError(t, b.Close(t.Context()))
		require.NotContains(t, log.String(), "works again")
	})
}

// panicking is a log handler with a fault.
type panicking struct{ slog.Handler }

func (panicking) Enabled(context.Context, slog.Level) bool { return true }

func (panicking) Handle(context.Context, slog.Record) error { panic("handler") }

func (p panicking) WithAttrs([]slog.Attr) slog.Handler { return p }

func TestLogHandlerPanicIsRecovered(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), Logger: slog.New(panicking{})})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		cluster.Stop()
		known := publish(t, b, plain.message("topic", "key", 2))
		cluster.Start()
		delivered(t, known)
	})
}

func TestDispatcherLoggerIsUsedIfConfigHasNone(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		var own, dispatchers warnings
		for _, configured := range []*slog.Logger{own.logger(), nil} {
			cluster := kafkatest.NewCluster(t)
			b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), Logger: configured})
			b.(interface{ UseLogger(l *slog.Logger) }).UseLogger(dispatchers.logger())
			delivered(t, publish(t, b, plain.message("topic", "key", 1)))
			cluster.Stop()
			known := publish(t, b, plain.message("topic", "key", 2))
			if configured != nil {
				own.await(t)
				require.Empty(t, dispatchers.String())
			} else {
				dispatchers.await(t)
			}
			cluster.Start()
			delivered(t, known)
		}
	})
}

// warnings collects what a backend logs.
type warnings struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *warnings) logger() *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func (w *warnings) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(text)
}

func (w *warnings) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// unhurried returns the lines that a slow machine does not explain. A record that is slow for any reason, such as a topic that is being
// created, is logged, and its success too.
func (w *warnings) unhurried() (lines []string) {
	for line := range strings.Lines(w.String()) {
		slow := strings.Contains(line, "no response of the broker") || strings.Contains(line, "UNKNOWN_TOPIC_OR_PARTITION")
		if !slow && !strings.Contains(line, "delivery works again") {
			lines = append(lines, line)
		}
	}
	return lines
}

// await waits for the first warning.
func (w *warnings) await(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(w.String(), "level=WARN") }, patience, time.Millisecond)
}
