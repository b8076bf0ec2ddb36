package backendtest

import (
	"context"
	"testing"

	"github.com/signalcast/signalcast"
)

// Bench measures a backend with its default buffer. "async" publishes from one goroutine that does
// not wait for each message, and waits for all of them at the end. "sync" publishes from 64
// goroutines per CPU that wait for each message. Values have 200 bytes.
func Bench(b *testing.B, h Harness) {
	b.Helper()
	b.Run("async", func(b *testing.B) {
		t := newTrial(b, h)
		t.open(Limits{})
		m := t.message([]byte("key"), make([]byte, 200))
		failed := make(chan error, 1)
		done := func(_ signalcast.Receipt, err error) { report(failed, err) }
		b.SetBytes(200)
		b.ReportAllocs()
		for b.Loop() {
			if err := t.Backend.Publish(context.Background(), m, done); err != nil {
				b.Fatal(err)
			}
		}
		if err := t.Backend.Flush(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		requireNone(b, failed)
	})
	b.Run("sync", func(b *testing.B) {
		t := newTrial(b, h)
		t.open(Limits{})
		failed := make(chan error, 1)
		b.SetBytes(200)
		b.ReportAllocs()
		b.SetParallelism(64) // per CPU
		b.RunParallel(func(pb *testing.PB) {
			m := t.message([]byte("key"), make([]byte, 200))
			outcome := make(chan error, 1)
			done := func(_ signalcast.Receipt, err error) { outcome <- err }
			for pb.Next() {
				if err := t.Backend.Publish(context.Background(), m, done); err != nil {
					report(failed, err)
					return
				}
				report(failed, <-outcome)
			}
		})
		b.StopTimer()
		requireNone(b, failed)
	})
}

// report keeps the first error.
func report(failed chan<- error, err error) {
	if err == nil {
		return
	}
	select {
	case failed <- err:
	default:
	}
}

func requireNone(b *testing.B, failed <-chan error) {
	b.Helper()
	select {
	case err := <-failed:
		b.Fatal(err)
	default:
	}
}
