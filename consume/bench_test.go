package consume_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

// BenchmarkConsumer measures a message from Add to its acknowledgement, with a receiver that does nothing. One operation is one
// message.
func BenchmarkConsumer(b *testing.B) {
	for name, ordered := range map[string]bool{"ordered": true, "unordered": false} {
		b.Run(name, func(b *testing.B) {
			s := newScript(ordered)
			registry := signalcast.NewRegistry()
			require.NoError(b, registry.Register(orderChanged))
			var handled atomic.Int64
			_, err := orderChanged.Connect(registry, func(context.Context, signalcast.Event[changed]) error {
				handled.Add(1)
				return nil
			})
			require.NoError(b, err)
			consumer, err := consume.New(registry, s, consume.Config{})
			require.NoError(b, err)
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- consumer.Run(ctx) }()
			<-s.opened
			templates := make([]consume.Message, 64)
			for i := range templates {
				templates[i] = message("course-v1:edX+DemoX+2026_"+strconv.Itoa(i), int64(i))
				templates[i].Attributes.ID = []byte("a3d4cf8c-0000-11f0-8000-000000000000")
				templates[i].Attributes.Time = []byte("2026-01-02T03:04:05.678901+00:00")
				templates[i].Attributes.Source = []byte("openedx/lms/web")
			}
			b.ReportAllocs()
			b.ResetTimer()
			for next := 0; next < b.N; {
				room := s.feed.Room()
				if room < 250 {
					<-s.changed
					s.taken()
					continue
				}
				batch := make([]consume.Message, min(room, b.N-next))
				for i := range batch {
					batch[i] = templates[next%len(templates)]
					batch[i].Offset = int64(next)
					next++
				}
				s.feed.Add(batch)
			}
			for handled.Load() < int64(b.N) {
				<-s.changed
				s.taken()
			}
			b.StopTimer()
			cancel()
			require.NoError(b, <-ended)
		})
	}
}

// BenchmarkSlowReceiver measures a message whose receiver waits for 1 ms, one call at a time and 64 at a time, with 1,000 and with 10,000
// messages in flight. The keys are 10,000.
func BenchmarkSlowReceiver(b *testing.B) {
	for _, test := range []struct {
		name                  string
		concurrency, inFlight int
	}{
		{"concurrency=1", 1, 1000},
		{"concurrency=64", 64, 1000},
		{"concurrency=64/in-flight=10000", 64, 10_000},
	} {
		b.Run(test.name, func(b *testing.B) {
			s := newScript(true)
			registry := signalcast.NewRegistry()
			require.NoError(b, registry.Register(orderChanged))
			var handled atomic.Int64
			_, err := orderChanged.Connect(registry, func(ctx context.Context, _ signalcast.Event[changed]) error {
				timer := time.NewTimer(time.Millisecond)
				defer timer.Stop()
				select {
				case <-timer.C:
				case <-ctx.Done():
				}
				handled.Add(1)
				return nil
			})
			require.NoError(b, err)
			consumer, err := consume.New(registry, s, consume.Config{Concurrency: test.concurrency, MaxInFlight: test.inFlight})
			require.NoError(b, err)
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- consumer.Run(ctx) }()
			<-s.opened
			for next := 0; next < b.N || handled.Load() < int64(b.N); {
				batch := make([]consume.Message, min(s.feed.Room(), b.N-next))
				for i := range batch {
					batch[i] = message(strconv.Itoa(next%10_000), int64(next))
					next++
				}
				s.feed.Add(batch)
				if s.taken() == nil {
					<-s.changed
				}
			}
			b.StopTimer()
			cancel()
			require.NoError(b, <-ended)
		})
	}
}
