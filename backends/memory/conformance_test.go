package memory_test

import (
	"testing"

	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/backends/memory"
)

func harness() backendtest.Harness {
	return backendtest.Harness{
		New: func(_ testing.TB, limits backendtest.Limits) backendtest.Subject {
			opts := []memory.Option{memory.WithBuffer(limits.Messages, limits.Bytes)}
			if limits.FailFast {
				opts = append(opts, memory.FailFast())
			}
			b := memory.New(opts...)
			read := func(topic string) []backendtest.Record {
				var records []backendtest.Record
				for _, m := range b.Messages(topic) {
					records = append(records, backendtest.Record{
						Key: m.Key, Value: m.Event.Value, Attributes: backendtest.Attributes(m.Event.Metadata),
					})
				}
				return records
			}
			return backendtest.Subject{Backend: b, Read: read, Stop: b.Hold, Start: b.Release}
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, harness())
}

func BenchmarkBackend(b *testing.B) { backendtest.Bench(b, harness()) }
