package configfile_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

func TestReloadsUnderLoadLoseNothing(t *testing.T) {
	t.Parallel()
	path := write(t, "site.yaml", ordersTo("orders", "odd"))
	s := watch(t, configfile.File(path))
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	var sent atomic.Int64
	for range 2 {
		senders.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.placed.SendAsync(context.WithoutCancel(ctx), s.registry, orderEvent{order{"1"}}); err != nil {
					t.Error(err)
				}
				sent.Add(1)
			}
		})
	}
	for i := range 300 {
		topic := []string{"even", "odd"}[i%2]
		rewrite(t, filepath.Join(filepath.Dir(path), "new"), ordersTo("orders", topic))
		require.NoError(t, os.Rename(filepath.Join(filepath.Dir(path), "new"), path))
		require.NoError(t, s.Check(t.Context()))
	}
	stop()
	senders.Wait()
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	require.Equal(t, 301, s.Status().Generation)
	stats := s.dispatcher.Stats()
	require.Equal(t, 2*sent.Load(), stats.Accepted, "each event goes to two topics")
	require.Equal(t, stats.Accepted, stats.Delivered)
	require.Len(t, s.backend.Messages("orders"), int(sent.Load()))
	t.Logf("%d messages during 300 reloads", stats.Delivered)
}

// One operation is one read of three files that have not changed.
func BenchmarkWatchIdle(b *testing.B) {
	dir := b.TempDir()
	paths := []string{filepath.Join(dir, "a.json"), filepath.Join(dir, "b.yaml"), filepath.Join(dir, "c.toml")}
	for i, text := range []string{
		`{"org.example.order.placed.v1": {"orders": {"event_key_field": "order.id", "enabled": false}}}`,
		ordersTo("orders", "audit", "billing"),
		"['org.example.order.placed.v1'.orders]\nenabled = true\n",
	} {
		require.NoError(b, os.WriteFile(paths[i], []byte(text), 0o600))
	}
	registry := signalcast.NewRegistry()
	require.NoError(b, registry.Register(signalcast.NewSignal[orderEvent]("org.example.order.placed.v1")))
	var reads atomic.Int64
	last, end := make(chan struct{}), int64(b.N)+1
	loaded, err := configfile.Load(registry, configfile.File(paths[0]), configfile.File(paths[1]), configfile.File(paths[2]), func() (signalcast.Layer, error) {
		if reads.Add(1) == end {
			close(last)
		}
		return signalcast.Layer{Name: "counter"}, nil
	})
	require.NoError(b, err)
	dispatcher, err := signalcast.NewDispatcher(b.Context(), registry, loaded.Merged, &preparing{})
	require.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	w, err := configfile.Watch(dispatcher, loaded, configfile.WatchConfig{Interval: 1})
	require.NoError(b, err)
	<-last
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e7, "%core-at-1s")
	require.NoError(b, w.Close(b.Context()))
}
