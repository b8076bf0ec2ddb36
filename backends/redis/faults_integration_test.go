//go:build integration

package redis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

const (
	faultEvents = 40_000
	faultKeys   = 8
)

// numbered is the event that the fault tests send: the numbers of a key count up from 1.
type numbered struct {
	Key    string `json:"key"`
	Number int64  `json:"number"`
}

// Each case breaks the server in its way while numbered events are sent with
// SendAsync. Whatever happens: every event is delivered within the delivery
// timeout, is in the stream, and is there for the first time in the order of its
// key; entries that are there again were counted; the memory stays bounded.
//
//nolint:paralleltest // it measures the heap of the process
func TestFaultsLoseAndReorderNoEvent(t *testing.T) {
	tests := map[string]struct {
		options []string
		proxied *proxy
		// breaks is called as the 10,000th and as the 25,000th event is sent, and
		// runs beside the sending.
		breaks func(*testing.T, *server)
	}{
		"while the server is killed twice": {breaks: func(t *testing.T, s *server) {
			t.Helper()
			s.run(t, "kill9")
			s.run(t, "restart")
		}},
		"while the server hangs twice": {breaks: func(t *testing.T, s *server) {
			t.Helper()
			s.signal(t, syscall.SIGSTOP)
			<-time.After(10 * time.Second)
			s.signal(t, syscall.SIGCONT)
		}},
		"while the server is out of memory": {
			options: []string{"--set", "maxmemory 3mb"},
			breaks: func(t *testing.T, s *server) {
				t.Helper()
				require.Eventually(t, func() bool { return s.rejections(t) > 0 }, 20*time.Second, 10*time.Millisecond)
				ctx := context.Background()
				limit, err := s.client.ConfigGet(ctx, "maxmemory").Result()
				require.NoError(t, err)
				more := "5mb" // not enough for all
				if limit["maxmemory"] != strconv.Itoa(3<<20) {
					more = "0" // which is no limit
				}
				require.NoError(t, s.client.ConfigResetStat(ctx).Err())
				require.NoError(t, s.client.ConfigSet(ctx, "maxmemory", more).Err())
			},
		},
		"through connections that are cut":  {proxied: &proxy{cut: 300_000}},
		"through connections that are slow": {proxied: &proxy{delay: 5 * time.Millisecond}},
		"through connections that drip":     {proxied: &proxy{drip: 700}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, append([]string{"--fsync", "always"}, test.options...)...)
			url := s.url
			if test.proxied != nil {
				url = "redis://" + test.proxied.start(t, s.addr)
			}
			b := newBackend(t, redis.Config{URL: url, MaxLen: -1})
			began := time.Now()
			heap := watchHeap(t)
			sendNumbered(t, b, func() {
				if test.breaks != nil {
					test.breaks(t, s)
				}
			})
			took := time.Since(began)
			require.Zero(t, b.Unacknowledged())

			duplicates := requireNumbered(t, s.values(t, "numbered"))
			require.LessOrEqual(t, uint64(duplicates), b.PossibleDuplicates())
			t.Logf("%d events in %v, %d duplicates of %d possible, live heap grew by at most %d MiB",
				faultEvents, took.Round(10*time.Millisecond), duplicates, b.PossibleDuplicates(), heap()>>20)
			require.Less(t, heap(), uint64(64<<20), "the buffer's bytes")
		})
	}
}

// sendNumbered sends all events, calls breaks twice in between, and waits until
// all are delivered.
func sendNumbered(t *testing.T, b *redis.Backend, breaks func()) {
	t.Helper()
	happened := signalcast.NewSignal[numbered]("org.example.number.counted.v1")
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(happened))
	enabled, key := true, "key"
	config := signalcast.ProducerConfig{
		happened.EventType(): {"numbered": {Enabled: &enabled, EventKeyField: &key}},
	}
	_, err := signalcast.NewDispatcher(t.Context(), registry, config, b, signalcast.WithSharedBackend(),
		signalcast.WithCodec(signalcast.JSON()))
	require.NoError(t, err)

	deliveries := make(chan *signalcast.Delivery, faultEvents)
	failures := make(chan error, 1)
	go func() {
		var failed error
		for d := range deliveries {
			if err := d.Wait(context.Background()); err != nil {
				failed = err
			}
		}
		failures <- failed
	}()
	broken := make(chan struct{}, 2)
	for i := range faultEvents {
		if i == 10_000 || i == 25_000 {
			go func() {
				breaks()
				broken <- struct{}{}
			}()
		}
		event := numbered{Key: strconv.Itoa(i % faultKeys), Number: int64(i/faultKeys + 1)}
		d, err := happened.SendAsync(t.Context(), registry, event)
		require.NoError(t, err)
		deliveries <- d
	}
	close(deliveries)
	require.NoError(t, <-failures)
	for range 2 {
		select {
		case <-broken:
		case <-time.After(time.Minute):
			require.Fail(t, "the server was not broken as planned")
		}
	}
}

// requireNumbered fails unless the values hold every event, each key's for the
// first time in its order. It returns how many values are there again.
func requireNumbered(t *testing.T, values []string) (duplicates int) {
	t.Helper()
	last := map[string]int64{}
	for i, v := range values {
		var e numbered
		require.NoError(t, json.Unmarshal([]byte(v), &e))
		if e.Number <= last[e.Key] {
			duplicates++
			continue
		}
		require.Equal(t, last[e.Key]+1, e.Number, "entry %d of key %s", i, e.Key)
		last[e.Key] = e.Number
	}
	for key := range faultKeys {
		require.EqualValues(t, faultEvents/faultKeys, last[strconv.Itoa(key)])
	}
	return duplicates
}

// watchHeap samples the live heap until the test ends. The returned function returns the
// largest growth since the call, in bytes. Garbage does not count, so that the result does not
// depend on when the collector runs.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	live := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	start := live()
	var most atomic.Uint64
	ticker := time.NewTicker(20 * time.Millisecond)
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				most.Store(max(most.Load(), live()))
			case <-ended:
				return
			}
		}
	}()
	t.Cleanup(func() {
		ticker.Stop()
		close(ended)
	})
	return func() uint64 { return max(most.Load(), start) - start }
}

// rejections returns how many commands the server rejected because its memory is full.
func (s *server) rejections(t *testing.T) int {
	t.Helper()
	stats, err := s.client.InfoMap(context.Background(), "errorstats").Result()
	require.NoError(t, err)
	var n int
	_, _ = fmt.Sscanf(stats["Errorstats"]["errorstat_OOM"], "count=%d", &n)
	return n
}
