package consumetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

const (
	eventType   = "org.example.consumetest.stored.v1"
	unknownType = "org.example.consumetest.unknown.v1"
)

// item is the data of the events.
type item struct {
	Key    string     `avro:"key"`
	Number int64      `avro:"number"`
	At     *time.Time `avro:"at"`
}

// trial is one run of a case.
type trial struct {
	testing.TB

	target Target
	topic  string
	group  string

	sender  *signalcast.Registry
	stored  *signalcast.Signal[item]
	unknown *signalcast.Signal[item] // not registered by members
	sent    signalcast.Metadata      // of the last event
	config  signalcast.ProducerConfig
}

func newTrial(t testing.TB, target Target) *trial {
	t.Helper()
	if target.New == nil || target.Backend == nil {
		t.Fatal("Target must have New and Backend")
	}
	if target.Patience == 0 {
		target.Patience = 30 * time.Second
	}
	name := strings.ReplaceAll(signalcast.NewUUID().String(), "-", "")
	tr := &trial{
		TB: t, target: target, topic: "consumetest-" + name, group: "group-" + name, sender: signalcast.NewRegistry(),
		stored: signalcast.NewSignal[item](eventType), unknown: signalcast.NewSignal[item](unknownType),
	}
	tr.createTopic(tr.topic)
	if err := tr.sender.Register(tr.stored, tr.unknown); err != nil {
		t.Fatal(err)
	}
	_, err := tr.stored.Connect(tr.sender, func(_ context.Context, e signalcast.Event[item]) error {
		tr.sent = e.Metadata
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	route := map[string]signalcast.TopicConfig{tr.topic: {EventKeyField: new("key"), Enabled: new(true)}}
	tr.config = signalcast.ProducerConfig{eventType: route, unknownType: route}
	d, err := signalcast.NewDispatcher(tr.context(), tr.sender, tr.config, target.Backend(t),
		signalcast.WithTraceContext(func(context.Context) *signalcast.TraceContext {
			return &signalcast.TraceContext{TraceParent: traceParent, TraceState: traceState}
		}))
	if err != nil {
		t.Fatalf("NewDispatcher: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), target.Patience)
		defer cancel()
		_ = d.Close(ctx)
	})
	return tr
}

const (
	traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	traceState  = "vendor=1"
)

func (t *trial) createTopic(topic string) {
	t.Helper()
	if t.target.CreateTopic != nil {
		t.target.CreateTopic(t, topic)
	}
}

// context returns a context that ends when the patience does.
func (t *trial) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), t.target.Patience)
	t.Cleanup(cancel)
	return ctx
}

// send publishes an event for each item.
func (t *trial) send(items ...item) {
	t.Helper()
	for _, i := range items {
		if err := t.stored.Send(t.context(), t.sender, i); err != nil {
			t.Fatalf("send: %v", err)
		}
	}
}

// keys are those of sendNumbers.
//
//nolint:gochecknoglobals // immutable
var keys = []string{"a", "b", "c", "d", "e"}

// sendNumbers publishes n items with the numbers from first on.
func (t *trial) sendNumbers(first, n int) {
	t.Helper()
	for i := first; i < first+n; i++ {
		t.send(item{Key: keys[i%len(keys)], Number: int64(i)})
	}
}

// until calls f until it returns true.
func (t *trial) until(what string, f func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for timeout := time.After(t.target.Patience); !f(); {
		select {
		case <-look.C:
		case <-timeout:
			t.Fatalf("not within %v: %s", t.target.Patience, what)
		}
	}
}

// requireBalance compares both sides of the equation of Stats.
func (t *trial) requireBalance(s consume.Stats) {
	t.Helper()
	for topic, c := range s.Topics {
		if c.Received != c.Handled+c.Skipped+c.DeadLettered+c.Dropped+c.Returned+c.Pending {
			t.Errorf("topic %q: found counts that do not add up: %+v", topic, c)
		}
	}
}
