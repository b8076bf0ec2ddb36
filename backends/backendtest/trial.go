package backendtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
)

const eventType = "org.example.backendtest.published.v1"

// trial is one run of a case.
type trial struct {
	testing.TB
	Subject

	harness     Harness
	topic       string
	valueSchema *signalcast.Schema
	keySchema   *signalcast.Schema
}

func newTrial(t testing.TB, h Harness) *trial {
	t.Helper()
	if h.Patience == 0 {
		h.Patience = 30 * time.Second
	}
	return &trial{
		TB:      t,
		harness: h,
		topic:   newTopic(),
		valueSchema: &signalcast.Schema{
			Name: eventType + ".CloudEvent",
			Text: `{"fields": [{"name": "data", "type": "bytes"}], "name": "CloudEvent", "namespace": "` + eventType + `", "type": "record"}`,
		},
		keySchema: &signalcast.Schema{Name: "string", Text: `{"name": "key", "type": "string"}`},
	}
}

func newTopic() string { return "backendtest-" + strings.ToLower(rand.Text()) }

// open makes the backend and calls Prepare with routes to the topics.
func (t *trial) open(limits Limits, topics ...string) {
	t.Helper()
	t.Subject = t.harness.New(t.TB, limits)
	if t.Backend == nil || t.Read == nil || t.Stop == nil || t.Start == nil {
		t.Fatal("Harness.New must set every field of Subject")
	}
	stop, start, stopped := t.Stop, t.Start, false
	t.Stop = func() {
		stop()
		stopped = true
	}
	t.Start = func() {
		if stopped {
			start()
			stopped = false
		}
	}
	t.Cleanup(func() {
		t.Start()
		ctx, cancel := context.WithTimeout(context.Background(), t.harness.Patience)
		defer cancel()
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			_ = t.Backend.Close(ctx) // the cases about Close check it
		}()
		select {
		case <-closed:
		case <-time.After(t.harness.Patience):
		}
	})
	t.prepare(append(topics, t.topic)...)
}

func (t *trial) prepare(topics ...string) {
	t.Helper()
	var routes []signalcast.Route
	for _, topic := range topics {
		routes = append(routes, t.route(topic))
	}
	if err := t.within("Prepare", func() error { return t.Backend.Prepare(context.Background(), routes) }); err != nil {
		t.Fatalf("Prepare: %v", err)
	}
}

func (t *trial) route(topic string) signalcast.Route {
	return signalcast.Route{
		EventType: eventType, Topic: topic, KeyPath: "key", Enabled: true,
		ContentType: "application/avro", ValueSchema: t.valueSchema, KeySchema: t.keySchema,
	}
}

// message returns a message for the topic of the trial. A nil key means no key.
func (t *trial) message(key, value []byte) *signalcast.Message {
	m := &signalcast.Message{
		Topic: t.topic,
		Key:   key,
		Event: &signalcast.Envelope{
			Metadata: signalcast.Metadata{
				ID: signalcast.NewUUID(), EventType: eventType, MinorVersion: 1,
				Source: "openedx/backendtest/web", SourceHost: "host.example.org",
				Time: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), SourceLib: "1.2.3",
			},
			Value: value, ValueSchema: t.valueSchema, ContentType: "application/avro",
		},
	}
	if key != nil {
		m.KeySchema = t.keySchema
	}
	return m
}

// numbered returns message n of a key.
func (t *trial) numbered(key string, n int) *signalcast.Message {
	return t.message([]byte(key), fmt.Appendf(nil, "%s/%06d", key, n))
}

// outcome records the calls of done for one message.
type outcome struct {
	value string

	mu    sync.Mutex
	calls int
	err   error         // of the first call
	known chan struct{} // closed after the first call
}

func newOutcome(m *signalcast.Message) *outcome {
	return &outcome{value: string(m.Event.Value), known: make(chan struct{})}
}

func (o *outcome) done(_ signalcast.Receipt, err error) {
	runtime.Gosched() // gives other goroutines time before done returns
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	if o.calls == 1 {
		o.err = err
		close(o.known)
	}
}

// now returns the number of calls of done, and the error of the first.
func (o *outcome) now() (calls int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls, o.err
}

// tryPublish publishes m and returns the error of Publish.
func (t *trial) tryPublish(ctx context.Context, m *signalcast.Message) (*outcome, error) {
	t.Helper()
	o := newOutcome(m)
	return o, t.within("Publish", func() error { return t.Backend.Publish(ctx, m, o.done) })
}

// publish publishes a message that must be accepted.
func (t *trial) publish(m *signalcast.Message) *outcome {
	t.Helper()
	o, err := t.tryPublish(context.Background(), m)
	if err != nil {
		t.Fatalf("Publish: %v; the message must be accepted", err)
	}
	return o
}

// publishRange publishes the messages from, …, to-1 of each key from one goroutine.
func (t *trial) publishRange(from, to int, keys ...string) []*outcome {
	t.Helper()
	var outcomes []*outcome
	err := t.within("Publish", func() error {
		for n := from; n < to; n++ {
			for _, key := range keys {
				m := t.numbered(key, n)
				o := newOutcome(m)
				if err := t.Backend.Publish(context.Background(), m, o.done); err != nil {
					return fmt.Errorf("message %d of key %q: %w", n, key, err)
				}
				outcomes = append(outcomes, o)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Publish: %v; the message must be accepted", err)
	}
	return outcomes
}

// away makes the broker unavailable after the backend has connected to it.
func (t *trial) away() {
	t.Helper()
	t.deliver(t.publish(t.numbered("before", 0)))
	t.Stop()
}

// small is the size of a buffer that is quickly full.
const small = 4

// openFull makes a backend with a full buffer and an unavailable broker.
func (t *trial) openFull(limits Limits) (accepted []*outcome) {
	t.Helper()
	limits.Messages = small
	t.open(limits)
	t.Stop()
	return t.publishRange(0, small, "key")
}

// startPublish publishes a message to a full buffer.
func (t *trial) startPublish(ctx context.Context) (*outcome, <-chan error) {
	t.Helper()
	m := t.numbered("late", 0)
	o := newOutcome(m)
	return o, t.start(ctx, "Publish", func(ctx context.Context) error { return t.Backend.Publish(ctx, m, o.done) })
}

// startFlush calls Flush.
func (t *trial) startFlush() <-chan error {
	t.Helper()
	return t.start(context.Background(), "Flush", t.Backend.Flush)
}

// start calls f in a goroutine. It returns when f waits for its context, or has returned.
func (t *trial) start(ctx context.Context, name string, f func(context.Context) error) <-chan error {
	t.Helper()
	waiting := &watched{Context: ctx, asked: make(chan struct{})}
	result, returned := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(returned)
		result <- f(waiting)
	}()
	select {
	case <-waiting.asked:
	case <-returned:
	case <-time.After(t.harness.Patience):
		t.Fatalf("%s neither returned nor called Done of its context within %v", name, t.harness.Patience)
	}
	return result
}

// watched is a context that reports the first call of Done.
type watched struct {
	context.Context //nolint:containedctx // it is one

	once  sync.Once
	asked chan struct{}
}

func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { close(w.asked) })
	return w.Context.Done()
}

// outcomes waits for the outcomes and returns their errors.
func (t *trial) outcomes(outcomes ...*outcome) []error {
	t.Helper()
	timeout := time.After(t.harness.Patience)
	errs := make([]error, len(outcomes))
	for i, o := range outcomes {
		select {
		case <-o.known:
			_, errs[i] = o.now()
		case <-timeout:
			t.Fatalf("done was not called within %v for message %d of %d", t.harness.Patience, i+1, len(outcomes))
		}
	}
	return errs
}

// deliver waits for outcomes that must be nil.
func (t *trial) deliver(outcomes ...*outcome) {
	t.Helper()
	for i, err := range t.outcomes(outcomes...) {
		if err != nil {
			t.Fatalf("message %d of %d was not delivered: %v", i+1, len(outcomes), err)
		}
	}
}

func (t *trial) flush() {
	t.Helper()
	if err := t.within("Flush", func() error { return t.Backend.Flush(context.Background()) }); err != nil {
		t.Fatalf("Flush: %v", err)
	}
}

func (t *trial) close(ctx context.Context) error {
	t.Helper()
	return t.within("Close", func() error { return t.Backend.Close(ctx) })
}

// within runs f and fails the test if it takes too long.
func (t *trial) within(name string, f func() error) error {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- f() }()
	return t.receive(name, result)
}

// receive waits for a result of start.
func (t *trial) receive(name string, result <-chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(t.harness.Patience):
		t.Fatalf("%s did not return within %v", name, t.harness.Patience)
		return nil
	}
}

// values returns the values of all records of the topic of the trial.
func (t *trial) values() []string {
	var values []string
	for _, r := range t.Read(t.topic) {
		values = append(values, string(r.Value))
	}
	return values
}

// requireRecords compares the records of a topic with the published messages, in any order.
func (t *trial) requireRecords(topic string, messages ...*signalcast.Message) {
	t.Helper()
	records := t.Read(topic)
	for _, m := range messages {
		i := slices.IndexFunc(records, func(r Record) bool { return bytes.Equal(r.Value, m.Event.Value) })
		if i < 0 {
			t.Fatalf("the value of %s was delivered to topic %q but is not among its records", text(m.Event.Value), topic)
		}
		records = slices.Delete(records, i, i+1)
	}
	if len(records) > 0 {
		t.Fatalf("topic %q has %d records that were not published to it, such as %s", topic, len(records), text(records[0].Value))
	}
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// text returns bytes for a message, cut to a readable length.
func text(b []byte) string {
	if b == nil {
		return "nil"
	}
	if len(b) > 40 {
		return fmt.Sprintf("%d bytes (%q…)", len(b), b[:40])
	}
	return fmt.Sprintf("%d bytes (%q)", len(b), b)
}
