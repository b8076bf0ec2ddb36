package kafkatest

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/test/ports"
)

// Outage publishes 100,000 numbered events to a real broker, loses 8 acknowledgements, kills the
// broker and starts it again after 10 s. It compares the outcomes of the events with the records
// of the topic, and logs the counts.
func Outage(t *testing.T, open Open) {
	t.Helper()
	const (
		events          = 100_000
		losses          = 8
		away            = 10 * time.Second
		topic           = "outage"
		lossAt, killAt  = 20_000, 40_000
		bufferedBytes   = 16 << 20
		allowedOverhead = 8
	)
	port := strconv.Itoa(ports.Pair(t)) // the controller uses the next port
	gate, addr := startProxy(t, "127.0.0.1:"+port)
	server := StartServer(t, "--port", port, "--set", "num.partitions=6", "--set", "advertised.listeners=PLAINTEXT://"+addr)
	b, err := open(kafkabus.Config{Brokers: []string{addr}, BufferBytes: bufferedBytes, RequestTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	heap := watchHeap()

	var delivered, failed atomic.Int64
	done := func(_ signalcast.Receipt, err error) {
		if err != nil {
			failed.Add(1)
			return
		}
		delivered.Add(1)
	}
	reached, published := make(chan struct{}), make(chan error, 1)
	go func() {
		published <- publishAll(b, topic, events, done, func(n int) {
			switch n {
			case lossAt:
				gate.lose(losses)
			case killAt:
				close(reached)
			}
		})
	}()
	select {
	case <-reached:
	case err := <-published:
		t.Fatal(err)
	}
	server.Kill(t)
	<-time.After(away)
	server.Restart(t)
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	peak := heap()

	records := Read(t, topic, kgo.SeedBrokers(addr))
	seen, last := map[string]bool{}, map[string]int{}
	for _, r := range records {
		value := string(r.Value)
		if seen[value] {
			continue
		}
		seen[value] = true
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := last[string(r.Key)]; ok && n < before {
			t.Errorf("event %d of key %s was written after %d", n, r.Key, before)
		}
		last[string(r.Key)] = n
	}
	t.Logf("%d events: %d delivered, %d failed, %d missing, %d duplicates, %d acknowledgements lost, heap %d MiB",
		events, delivered.Load(), failed.Load(), events-len(seen), len(records)-len(seen), losses-gate.left(), peak>>20)
	if delivered.Load() != events || len(seen) != events || len(records) != events || gate.left() != 0 {
		t.Error("every event has to be delivered and written once, and every acknowledgement lost that was to be")
	}
	if peak > allowedOverhead*bufferedBytes {
		t.Errorf("the heap grew to %d bytes", peak)
	}
}

// publishAll publishes the events, 10 in a millisecond. It calls before with the number of each.
func publishAll(b signalcast.Backend, topic string, events int, done func(signalcast.Receipt, error), before func(n int)) error {
	const keys, perMillisecond = 8, 10
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for n := range events {
		if n%perMillisecond == 0 {
			<-pace.C
		}
		before(n)
		if err := b.Publish(context.Background(), Numbered(topic, n%keys, n), done); err != nil {
			return fmt.Errorf("event %d: %w", n, err)
		}
	}
	return nil
}

// watchHeap returns a function that ends the watch and returns the largest heap seen.
func watchHeap() (peak func() uint64) {
	stop, largest := make(chan struct{}), make(chan uint64)
	go func() {
		look := time.NewTicker(50 * time.Millisecond)
		defer look.Stop()
		var stats runtime.MemStats
		var most uint64
		for {
			select {
			case <-look.C:
				runtime.ReadMemStats(&stats)
				most = max(most, stats.HeapAlloc)
			case <-stop:
				largest <- most
				return
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-largest
	}
}

// Numbered returns event n for a topic and one of several keys, as the JSON codec encodes it.
func Numbered(topic string, key, n int) *signalcast.Message {
	return &signalcast.Message{
		Topic: topic,
		Key:   fmt.Append(nil, "key", key),
		Event: &signalcast.Envelope{
			Metadata: signalcast.Metadata{
				ID: signalcast.NewUUID(), EventType: "org.example.thing.happened.v1", Source: "openedx/test/web",
				Time: time.Now(), SourceLib: "1.0",
			},
			Value: strconv.AppendInt(nil, int64(n), 10), ContentType: "application/json",
		},
	}
}
