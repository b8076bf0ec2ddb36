package redis_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

func TestCloseOnItsDeadlineGivesEveryMessageItsFate(t *testing.T) {
	t.Parallel()
	// The first batch hangs within the server. Later messages were never sent.
	hanging := make(chan struct{}, 1)
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		if command[0] == "XADD" {
			select {
			case hanging <- struct{}{}:
			default:
			}
			return fault{hang: true}
		}
		return fault{}
	}})
	b := newBackend(t, redis.Config{URL: server.url(), ReadTimeout: time.Hour})
	sent, unsent := newFates(), newFates()
	sent.publish(t, b, "s", 1, 1)
	<-hanging
	unsent.publish(t, b, "s", 2, 1000)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := b.Close(ctx)
	require.Less(t, time.Since(began), patience)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "1000 messages")
	require.NotContains(t, err.Error(), "close", "callers add that themselves")
	require.Same(t, err, b.Close(t.Context()), "the second call returns the error of the first")

	require.Equal(t, signalcast.FateUnknown, sent.failure(t).Fate)
	require.Equal(t, signalcast.FateNotWritten, unsent.failure(t).Fate)
	require.ErrorIs(t, unsent.failure(t), signalcast.ErrClosed)
	require.Len(t, unsent.failed, 999)
	require.Zero(t, b.Unacknowledged())
}

func TestCloseNamesTheCauseOfPendingMessages(t *testing.T) {
	t.Parallel()
	free := listen(t)
	require.NoError(t, free.Close())
	log := new(lines)
	b := newBackend(t, redis.Config{
		URL: "redis://:very-secret@" + free.Addr().String(), Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	const count = 1000 // more than a batch
	f := newFates()
	f.publish(t, b, "s", 1, count)
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "level=WARN") }, patience, time.Millisecond)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Close(ended), context.Canceled)
	require.Equal(t, signalcast.FateNotWritten, f.failure(t).Fate)
	require.Len(t, f.failed, count)
	for _, err := range f.failed {
		require.ErrorIs(t, err, signalcast.ErrClosed)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NotContains(t, err.Error(), "very-secret")
	}
}

// lines is a buffer that is safe for concurrent use.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestCloseDoesNotWaitForServersThatHang(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command string // that the server does not reply to
		config  func(address string) redis.Config
	}{
		"at the login":  {"hello", func(address string) redis.Config { return redis.Config{URL: "redis://" + address} }},
		"of a Cluster":  {"cluster", func(address string) redis.Config { return redis.Config{Addrs: []string{address}} }},
		"as a Sentinel": {"sentinel", func(address string) redis.Config { return redis.Config{Addrs: []string{address}, MasterName: "m"} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{misbehave: during(c.command, 1, 1e9, fault{hang: true})})
			config := c.config(server.listener.Addr().String())
			config.DialTimeout, config.ReadTimeout = time.Hour, time.Hour
			b := newBackend(t, config)
			f := newFates()
			f.publish(t, b, "s", 1, 10)
			require.Eventually(t, func() bool { return server.asked(c.command) > 0 }, patience, time.Millisecond)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			closed := make(chan error, 1)
			go func() { closed <- b.Close(ended) }()
			select {
			case err := <-closed:
				require.ErrorIs(t, err, context.Canceled)
			case <-time.After(patience):
				require.Fail(t, "Close did not return")
			}
			require.Equal(t, signalcast.FateNotWritten, f.failure(t).Fate)
		})
	}
}
