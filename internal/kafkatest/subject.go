package kafkatest

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// Open makes a backend.
type Open func(kafkabus.Config) (signalcast.Backend, error)

// Limited returns a configuration whose buffer has the limits of the conformance suite.
func Limited(brokers []string, registry string, limits backendtest.Limits) kafkabus.Config {
	return kafkabus.Config{
		Brokers: brokers, SchemaRegistry: registry,
		BufferMessages: limits.Messages, BufferBytes: int64(limits.Bytes), FailFast: limits.FailFast,
		MaxMessageBytes: MaxMessageBytes,
	}
}

// MaxMessageBytes is the largest size of key and value together for a backend with the
// configuration of Limited.
const MaxMessageBytes = 1 << 20

// Harness returns the harness of the conformance suite for backends that open makes, each on a
// fake cluster of its own.
func Harness(open Open) backendtest.Harness {
	return backendtest.Harness{
		RejectedTopics:  []string{"", ".", "white space", "umlaut-ä"},
		MaxMessageBytes: MaxMessageBytes,
		New: func(t testing.TB, limits backendtest.Limits) backendtest.Subject {
			t.Helper()
			cluster, registry := NewCluster(t), NewRegistry(t)
			backend, err := open(Limited(cluster.ListenAddrs(), registry.URL, limits))
			if err != nil {
				t.Fatal(err)
			}
			return backendtest.Subject{
				Backend: backend, Stop: cluster.Stop, Start: cluster.Start,
				Read: func(topic string) []backendtest.Record { return Unframed(cluster.Read(t, topic)) },
			}
		},
	}
}

// ServerHarness starts a real broker and returns the harness of the conformance suite for backends
// on it. Instead of stopping the broker, the suite suspends it.
func ServerHarness(t testing.TB, open Open) backendtest.Harness {
	t.Helper()
	server := StartServer(t, "--set", "num.partitions=3")
	h := Harness(open)
	h.New = func(t testing.TB, limits backendtest.Limits) backendtest.Subject {
		t.Helper()
		config := Limited(server.Brokers, NewRegistry(t).URL, limits)
		config.RequestTimeout = time.Second
		backend, err := open(config)
		if err != nil {
			t.Fatal(err)
		}
		return backendtest.Subject{
			Backend: backend,
			Stop:    func() { server.Suspend(t) },
			Start:   func() { server.Resume(t) },
			Read:    func(topic string) []backendtest.Record { return Unframed(server.Read(t, topic)) },
		}
	}
	return h
}

// Unframed returns the records without framing, as the conformance suite compares them.
func Unframed(records []*kgo.Record) []backendtest.Record {
	const frameBytes = 5
	unframed := make([]backendtest.Record, len(records))
	for i, r := range records {
		u := backendtest.Record{Value: r.Value[frameBytes:], Attributes: map[string]string{}}
		if r.Key != nil {
			u.Key = r.Key[frameBytes:]
		}
		names := map[string]string{
			"ce_id": "id", "ce_type": "type", "ce_source": "source", "ce_time": "time",
			"ce_minorversion": "minorversion", "sourcehost": "sourcehost", "sourcelib": "sourcelib",
		}
		for _, h := range r.Headers {
			if name, ok := names[h.Key]; ok {
				u.Attributes[name] = string(h.Value)
			}
		}
		unframed[i] = u
	}
	return unframed
}
