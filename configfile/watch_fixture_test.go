package configfile_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
)

// watched is a service that watches its configuration.
type watched struct {
	*configfile.Watcher
	registry   *signalcast.Registry
	placed     *signalcast.Signal[orderEvent]
	backend    *preparing
	dispatcher *signalcast.Dispatcher
	reloads    atomic.Int64 // as the hook of the dispatcher counts them
	log        *lines
}

// preparing is a memory backend whose Prepare calls a function.
type preparing struct {
	*memory.Backend
	mu       sync.Mutex
	prepared []time.Time
	prepare  func(ctx context.Context) error
}

func (b *preparing) Prepare(ctx context.Context, _ []signalcast.Route) error {
	b.mu.Lock()
	b.prepared = append(b.prepared, time.Now())
	prepare := b.prepare
	b.mu.Unlock()
	if prepare == nil {
		return nil
	}
	return prepare(ctx)
}

// onPrepare sets the function, or nil for success.
func (b *preparing) onPrepare(prepare func(ctx context.Context) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prepare = prepare
}

// fail makes Prepare return err.
func (b *preparing) fail(err error) { b.onPrepare(func(context.Context) error { return err }) }

// times returns when Prepare was called.
func (b *preparing) times() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.prepared)
}

// lines is a log without times.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns the lines since the last call.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// watch starts a service with the sources. In a synctest bubble, the watcher reads them at the
// full seconds, and watch returns half a second after one.
func watch(t *testing.T, sources ...configfile.Source) *watched {
	t.Helper()
	s := &watched{
		registry: signalcast.NewRegistry(), placed: signalcast.NewSignal[orderEvent]("org.example.order.placed.v1"),
		backend: &preparing{Backend: memory.New()}, log: &lines{},
	}
	require.NoError(t, s.registry.Register(s.placed))
	loaded, err := configfile.Load(s.registry, sources...)
	require.NoError(t, err)
	s.dispatcher, err = signalcast.NewDispatcher(t.Context(), s.registry, loaded.Merged, s.backend,
		signalcast.WithHooks(signalcast.Hooks{Reloaded: func(signalcast.Change) { s.reloads.Add(1) }}))
	require.NoError(t, err)
	s.Watcher, err = configfile.Watch(s.dispatcher, loaded, configfile.WatchConfig{Logger: s.log.logger()})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_ = s.Close(ctx)
		require.NoError(t, s.dispatcher.Close(ctx))
	})
	return s
}

// bubble runs a test in a bubble, half a second away from the reads of the watcher.
func bubble(t *testing.T, text string, test func(t *testing.T, path string, s *watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "site.yaml", text)
		s := watch(t, configfile.File(path))
		pass(500 * time.Millisecond)
		test(t, path, s)
	})
}

// pass lets time pass in a bubble. One second is one read.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// rewrite replaces the contents of a file.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// ordersTo is a configuration in YAML that publishes placed orders to topics.
func ordersTo(topics ...string) string {
	var text strings.Builder
	text.WriteString("org.example.order.placed.v1:\n")
	for _, topic := range topics {
		fmt.Fprintf(&text, "  %s: {event_key_field: order.id, enabled: true}\n", topic)
	}
	return text.String()
}

// requireTopics requires that an event goes to these topics.
func (s *watched) requireTopics(t *testing.T, want ...string) {
	t.Helper()
	s.backend.Reset()
	require.NoError(t, s.placed.Send(t.Context(), s.registry, orderEvent{order{"1"}}))
	var topics []string
	for _, m := range s.backend.Messages() {
		topics = append(topics, m.Topic)
	}
	slices.Sort(topics)
	require.Equal(t, want, topics)
}

// requireGeneration requires a generation without an error.
func (s *watched) requireGeneration(t *testing.T, want int) {
	t.Helper()
	status := s.Status()
	require.NoError(t, status.Err)
	require.Zero(t, status.Since)
	require.Zero(t, status.RetryAt)
	require.Equal(t, want, status.Generation)
	require.EqualValues(t, want-1, s.reloads.Load())
}

// link replaces a symbolic link in one step, as Kubernetes and careful tools do.
func link(t *testing.T, target, name string) {
	t.Helper()
	require.NoError(t, os.Symlink(target, name+".new"))
	require.NoError(t, os.Rename(name+".new", name))
}

// base returns a text with the folder of path removed.
func base(path, text string) string {
	return strings.ReplaceAll(text, filepath.Dir(path)+string(filepath.Separator), "")
}
