//go:build integration

package redis_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

// benchmarked is a message whose value has the size of a typical event.
func benchmarked() *signalcast.Message {
	m := newMessage("bench", 0)
	m.Event.Value = make([]byte, 300)
	return m
}

// BenchmarkAsync publishes from one goroutine to one stream.
func BenchmarkAsync(b *testing.B) {
	server := startServer(b)
	m := benchmarked()
	discard := func(signalcast.Receipt, error) {}

	b.Run("backend", func(b *testing.B) {
		backend := newBackend(b, redis.Config{URL: server.url})
		report := measure(b)
		for b.Loop() {
			if err := backend.Publish(b.Context(), m, discard); err != nil {
				b.Fatal(err)
			}
		}
		flush(b, backend)
		report()
	})
	b.Run("bare go-redis pipeline", func(b *testing.B) {
		client := goredis.NewClient(&goredis.Options{Addr: server.addr, MaxRetries: -1})
		b.Cleanup(func() { _ = client.Close() })
		args := arguments(m)
		pipe := client.Pipeline()
		report := measure(b)
		for b.Loop() {
			_ = pipe.Process(b.Context(), goredis.NewStringCmd(b.Context(), args...))
			if pipe.Len() == 512 {
				_, err := pipe.Exec(b.Context())
				require.NoError(b, err)
			}
		}
		report()
	})
	b.Run("raw socket", func(b *testing.B) {
		conn, err := new(net.Dialer).DialContext(b.Context(), "tcp", server.addr)
		require.NoError(b, err)
		b.Cleanup(func() { _ = conn.Close() })
		var command []byte
		args := arguments(m)
		command = fmt.Appendf(command, "*%d\r\n", len(args))
		for _, arg := range args {
			text := fmt.Sprint(arg)
			if value, ok := arg.([]byte); ok {
				text = string(value)
			}
			command = fmt.Appendf(command, "$%d\r\n%s\r\n", len(text), text)
		}
		writer := bufio.NewWriterSize(conn, 64<<10)
		inFlight := make(chan struct{}, 1024)
		var reading sync.WaitGroup
		reading.Go(func() {
			reader := bufio.NewReaderSize(conn, 64<<10)
			for range inFlight {
				for range 2 { // the length of the ID, and the ID
					if _, err := reader.ReadSlice('\n'); err != nil {
						return
					}
				}
			}
		})
		report := measure(b)
		for b.Loop() {
			select {
			case inFlight <- struct{}{}:
			default:
				_ = writer.Flush()
				inFlight <- struct{}{}
			}
			_, _ = writer.Write(command)
		}
		_ = writer.Flush()
		close(inFlight)
		reading.Wait()
		report()
	})
}

// BenchmarkSync has 64 goroutines that wait for each of their messages.
func BenchmarkSync(b *testing.B) {
	server := startServer(b)
	backend := newBackend(b, redis.Config{URL: server.url})
	m := benchmarked()
	report := measure(b)
	b.SetParallelism(32) // times 2 processors
	b.RunParallel(func(pb *testing.PB) {
		acknowledged := make(chan error, 1)
		for pb.Next() {
			err := backend.Publish(context.Background(), m, func(_ signalcast.Receipt, err error) { acknowledged <- err })
			if err != nil || <-acknowledged != nil {
				b.Error("not delivered")
			}
		}
	})
	report()
}

// measure returns a function that reports the rate, and the processor time that
// this process used for each message, since the call.
func measure(b *testing.B) func() {
	b.Helper()
	used := func() int64 {
		var u syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return u.Utime.Nano() + u.Stime.Nano()
	}
	b.ReportAllocs()
	before := used()
	return func() {
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op")
	}
}

// arguments are those of the XADD that stores m.
func arguments(m *signalcast.Message) []any {
	e := redis.NewEntry(m)
	return []any{
		"XADD", m.Topic, "MAXLEN", "~", 10000, "*",
		"type", e.Type, "id", e.ID, "source", e.Source, "time", e.Time, "minorversion", e.MinorVersion,
		"sourcehost", e.SourceHost, "sourcelib", e.SourceLib, "event_data", e.EventData,
	}
}
