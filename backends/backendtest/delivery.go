package backendtest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

// prepareCases are about the check of a route table.
func prepareCases(h Harness) []Case {
	cases := []Case{
		{"prepare-away", "an unreachable broker does not fail a table that needs nothing from it", func(t *trial) {
			t.open(Limits{})
			t.Stop()
			t.prepare()
		}},
		{"prepare-in-service", "Prepare does not affect messages of the routes in service", func(t *trial) {
			t.open(Limits{})
			t.away()
			before := t.publish(t.numbered("key", 1))
			t.Start()
			t.prepare(newTopic())
			t.deliver(before, t.publish(t.numbered("key", 2)))
		}},
	}
	if len(h.RejectedTopics) > 0 {
		cases = append(cases, Case{"prepare-rejects", "Prepare reports every topic that the broker does not accept, enabled or not", func(t *trial) {
			t.open(Limits{})
			for _, enabled := range []bool{true, false} {
				var routes []signalcast.Route
				for _, topic := range append([]string{t.topic}, t.harness.RejectedTopics...) {
					r := t.route(topic)
					r.Enabled = enabled
					routes = append(routes, r)
				}
				err := t.within("Prepare", func() error { return t.Backend.Prepare(context.Background(), routes) })
				for _, topic := range t.harness.RejectedTopics {
					if err == nil || !strings.Contains(err.Error(), topic) {
						t.Errorf("topic %q (enabled: %t) is not in the error: %v", topic, enabled, err)
					}
				}
			}
		}})
	}
	return cases
}

// deliveryCases are about the delivery of messages.
func deliveryCases(h Harness) []Case {
	cases := []Case{
		{"delivered", "a delivered message is at its topic, once if nothing fails, and at no other topic", func(t *trial) {
			other := newTopic()
			t.open(Limits{}, other)
			first, second, elsewhere := t.numbered("a", 1), t.numbered("b", 2), t.numbered("a", 3)
			elsewhere.Topic = other
			t.deliver(t.publish(first), t.publish(elsewhere), t.publish(second))
			t.requireRecords(t.topic, first, second)
			t.requireRecords(other, elsewhere)
		}},
		{"values-unchanged", "values arrive byte by byte: empty, not UTF-8, large", func(t *trial) {
			t.open(Limits{})
			var messages []*signalcast.Message
			for _, value := range t.samples() {
				messages = append(messages, t.message([]byte("key"), value))
			}
			t.publishAndDeliver(messages)
			t.requireRecords(t.topic, messages...)
		}},
		{"done-once", "done is called exactly once for every accepted message", func(t *trial) {
			t.open(Limits{})
			outcomes := t.publishRange(0, 100, "key")
			t.deliver(outcomes...)
			_ = t.close(context.Background())
			for i, o := range outcomes {
				if calls, _ := o.now(); calls != 1 {
					t.Fatalf("done was called %d times for message %d of %d", calls, i+1, len(outcomes))
				}
			}
		}},
		{"done-may-publish", "done may call Publish, so the backend holds no lock that Publish needs", func(t *trial) {
			t.open(Limits{})
			m := t.numbered("key", 2)
			next := newOutcome(m)
			taken := make(chan error, 1)
			publish := sync.OnceFunc(func() { taken <- t.Backend.Publish(context.Background(), m, next.done) })
			err := t.within("Publish", func() error {
				return t.Backend.Publish(context.Background(), t.numbered("key", 1),
					func(signalcast.Receipt, error) { publish() })
			})
			if err != nil {
				t.Fatalf("Publish: %v", err)
			}
			if err := t.receive("Publish, called by done,", taken); err != nil {
				t.Fatalf("Publish, called by done: %v", err)
			}
			t.deliver(next)
		}},
		{"many-goroutines", "100 goroutines may publish at the same time", func(t *trial) {
			t.open(Limits{})
			const goroutines, each = 100, 10
			messages := make([]*signalcast.Message, goroutines*each)
			outcomes := make([]*outcome, len(messages))
			for i := range messages {
				messages[i] = t.numbered(fmt.Sprint("key", i/each), i)
				outcomes[i] = newOutcome(messages[i])
			}
			published := make(chan error, goroutines)
			for g := range goroutines {
				go func() {
					var failed error
					for i := g * each; i < (g+1)*each && failed == nil; i++ {
						failed = t.Backend.Publish(context.Background(), messages[i], outcomes[i].done)
					}
					published <- failed
				}()
			}
			for range goroutines {
				if err := t.receive("Publish", published); err != nil {
					t.Fatalf("Publish: %v", err)
				}
			}
			t.deliver(outcomes...)
			t.requireRecords(t.topic, messages...)
		}},
		{"message-read-only", "the backend does not change a message", func(t *trial) {
			t.open(Limits{})
			m, same := t.numbered("key", 1), t.numbered("key", 1)
			same.Event.ID = m.Event.ID
			schema, sameSchema := *t.valueSchema, *t.keySchema
			t.deliver(t.publish(m))
			t.flush()
			if !reflect.DeepEqual(m, same) || *t.valueSchema != schema || *t.keySchema != sameSchema {
				t.Fatalf("the message was %+v before and is %+v", same, m)
			}
		}},
		{"message-not-kept", "the backend does not use a message after done has returned", func(t *trial) {
			t.open(Limits{})
			m := t.numbered("key", 1)
			want := Record{Key: bytes.Clone(m.Key), Value: bytes.Clone(m.Event.Value)}
			t.deliver(t.publish(m))
			t.flush()
			clear(m.Key)
			clear(m.Event.Value)
			t.deliver(t.publish(t.numbered("key", 2)))
			for _, r := range t.Read(t.topic) {
				if bytes.Equal(r.Value, want.Value) && (t.harness.NoKeys || bytes.Equal(r.Key, want.Key)) {
					return
				}
			}
			t.Fatal("the record changed with the bytes of the message, or was not written")
		}},
		{"outage", "a delivered message is at its topic, even if the broker was away meanwhile", func(t *trial) {
			t.open(Limits{})
			outcomes := t.publishRange(0, 20, "key")
			t.Stop()
			outcomes = append(outcomes, t.publishRange(20, 40, "key")...)
			t.Start()
			outcomes = append(outcomes, t.publishRange(40, 60, "key")...)
			errs, values := t.outcomes(outcomes...), t.values()
			for i, o := range outcomes {
				if errs[i] == nil && !slices.Contains(values, o.value) {
					t.Fatalf("message %d of %d was not written", i+1, len(outcomes))
				}
			}
		}},
	}
	if !h.NoKeys {
		cases = append(cases, Case{"keys-unchanged", "keys arrive byte by byte: none, empty, not UTF-8, large", func(t *trial) {
			t.open(Limits{})
			for i, key := range append(t.samples(), nil) {
				m := t.message(key, fmt.Append(nil, "value ", i))
				t.deliver(t.publish(m))
				got := t.find(m).Key
				if !bytes.Equal(got, key) || (got == nil) != (key == nil) {
					t.Errorf("a key of %s arrived as %s", text(key), text(got))
				}
			}
		}})
	}
	if !h.NoAttributes {
		cases = append(cases, Case{"attributes-unchanged", "metadata arrives as the event bus writes it: empty, not ASCII, large", func(t *trial) {
			t.open(Limits{})
			for i, change := range []func(*signalcast.Metadata){
				func(*signalcast.Metadata) {},
				func(m *signalcast.Metadata) { m.SourceHost = "" },
				func(m *signalcast.Metadata) { m.SourceHost = "хост.example.org" },
				func(m *signalcast.Metadata) { m.Source = "openedx/a b=c,d\"e\"/web" },
				func(m *signalcast.Metadata) { m.Source = strings.Repeat("s", 10_000) },
				func(m *signalcast.Metadata) { m.MinorVersion = 1 << 31 },
				func(m *signalcast.Metadata) { m.Time = m.Time.Truncate(time.Second) },
				func(m *signalcast.Metadata) { m.SourceLib = "0" },
			} {
				m := t.message([]byte("key"), fmt.Append(nil, "value ", i))
				change(&m.Event.Metadata)
				t.deliver(t.publish(m))
				if got, want := t.find(m).Attributes, Attributes(m.Event.Metadata); !maps.Equal(got, want) {
					t.Errorf("the attributes %v arrived as %v", want, got)
				}
			}
		}})
	}
	if !h.NoOrder {
		cases = append(cases,
			Case{"order", "messages of one key are written in the order in which one goroutine published them", func(t *trial) {
				t.open(Limits{})
				t.deliver(t.publishRange(0, 250, "a", "b", "c", "d")...)
				t.requireOrder()
			}},
			Case{"order-outage", "messages of one key are first written in the order in which one goroutine published them, retries included", func(t *trial) {
				t.open(Limits{})
				outcomes := t.publishRange(0, 50, "a", "b", "c", "d")
				t.Stop()
				outcomes = append(outcomes, t.publishRange(50, 100, "a", "b", "c", "d")...)
				t.Start()
				t.outcomes(append(outcomes, t.publishRange(100, 150, "a", "b", "c", "d")...)...)
				t.requireOrder()
			}},
		)
	}
	return cases
}

// samples are bytes that backends may damage. The largest has 1 MiB, or the limit of the broker.
func (t *trial) samples() [][]byte {
	large := 1 << 20
	if t.harness.MaxMessageBytes > 0 {
		large = min(large, t.harness.MaxMessageBytes/2)
	}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	return [][]byte{
		{},
		{0},
		[]byte("\n"),
		[]byte(" \t"),
		[]byte("\xff\xfe"),
		[]byte("ключ"),
		every,
		bytes.Repeat([]byte{0xa5}, large),
	}
}

func (t *trial) publishAndDeliver(messages []*signalcast.Message) {
	t.Helper()
	var outcomes []*outcome
	for _, m := range messages {
		outcomes = append(outcomes, t.publish(m))
	}
	t.deliver(outcomes...)
}

// find returns the record of a message by its value.
func (t *trial) find(m *signalcast.Message) Record {
	t.Helper()
	for _, r := range t.Read(t.topic) {
		if bytes.Equal(r.Value, m.Event.Value) {
			return r
		}
	}
	t.Fatalf("the value of %s was delivered to topic %q but is not among its records", text(m.Event.Value), t.topic)
	return Record{}
}

// requireOrder checks the order in which the messages of each key were first written.
func (t *trial) requireOrder() {
	t.Helper()
	seen := map[string]bool{}
	last := map[string]string{}
	for _, value := range t.values() {
		key, _, _ := strings.Cut(value, "/")
		if seen[value] {
			continue
		}
		seen[value] = true
		if value < last[key] {
			t.Fatalf("%s was written after %s", value, last[key])
		}
		last[key] = value
	}
}
