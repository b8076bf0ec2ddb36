package outboxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/outbox"
)

const (
	eventType = "org.example.outboxtest.stored.v1"
	topic     = "outboxtest"
)

// item is the data of the events that are sent in units.
type item struct {
	Key    string `avro:"key"`
	Number int64  `avro:"number"`
}

// trial is one run of a case.
type trial struct {
	testing.TB
	Database

	harness  Harness
	registry *signalcast.Registry
	stored   *signalcast.Signal[item]

	valueSchema, keySchema *signalcast.Schema
}

func newTrial(t testing.TB, h Harness) *trial {
	t.Helper()
	if h.Patience == 0 {
		h.Patience = 30 * time.Second
	}
	db := h.New(t)
	if db.Store == nil || db.Second == nil || db.InTx == nil ||
		!h.NoOverlap && db.Overlap == nil || !h.NoTables && db.Empty == nil ||
		!h.NoSchemas && db.RemoveSchemas == nil || !h.NoClose && db.Close == nil {
		t.Fatal("Harness.New must set every field of Database that applies")
	}
	return &trial{
		TB: t, Database: db, harness: h,
		valueSchema: &signalcast.Schema{Name: eventType + ".CloudEvent", Text: `{"name": "CloudEvent", "type": "record"}`},
		keySchema:   &signalcast.Schema{Name: "string", Text: `{"name": "key", "type": "string"}`},
	}
}

// openService attaches a dispatcher that stores the events of the signal in the outbox.
func (t *trial) openService() {
	t.Helper()
	t.registry = signalcast.NewRegistry()
	t.stored = signalcast.NewSignal[item](eventType)
	if err := t.registry.Register(t.stored); err != nil {
		t.Fatal(err)
	}
	config := signalcast.ProducerConfig{eventType: {topic: {EventKeyField: new("key"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)}}}
	d, err := signalcast.NewDispatcher(t.context(), t.registry, config, memory.New(),
		signalcast.WithOutbox(t.Store), signalcast.WithCodec(signalcast.JSON()))
	if err != nil {
		t.Fatalf("NewDispatcher: %v", err)
	}
	t.Cleanup(func() { _ = d.Close(context.Background()) })
}

// context returns a context that ends when the patience does.
func (t *trial) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), t.harness.Patience)
	t.Cleanup(cancel)
	return ctx
}

// send sends an event within the unit of ctx.
func (t *trial) send(ctx context.Context, i item) error {
	return t.stored.Send(ctx, t.registry, i) //nolint:wrapcheck // compared by cases
}

// commit sends events in one transaction.
func (t *trial) commit(items ...item) {
	t.Helper()
	err := t.InTx(t.context(), func(ctx context.Context) error {
		for _, i := range items {
			if err := t.send(ctx, i); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("InTx: %v", err)
	}
}

// message returns a message with a key and schemas.
func (t *trial) message(key, value string) *signalcast.Message {
	return &signalcast.Message{
		Topic: topic, Key: []byte(key), KeySchema: t.keySchema,
		Event: &signalcast.Envelope{
			Metadata: signalcast.Metadata{
				ID: signalcast.NewUUID(), EventType: eventType, MinorVersion: 1,
				Source: "openedx/outboxtest/web", SourceHost: "host.example.org",
				Time: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), SourceLib: "1.2.3",
			},
			Value: []byte(value), ValueSchema: t.valueSchema, ContentType: "application/avro",
		},
	}
}

// numbered returns n messages with the keys "0" to "4" in turn and the values "0" to "n-1".
func (t *trial) numbered(n int) []*signalcast.Message {
	var messages []*signalcast.Message
	for i := range n {
		messages = append(messages, t.message(strconv.Itoa(i%5), strconv.Itoa(i)))
	}
	return messages
}

// store stores messages outside a unit.
func (t *trial) store(messages ...*signalcast.Message) {
	t.Helper()
	if err := t.Store.Insert(t.context(), messages); err != nil {
		t.Fatalf("Store: %v", err)
	}
}

// storeRows stores messages and returns their rows.
func (t *trial) storeRows(messages ...*signalcast.Message) []outbox.Row {
	t.Helper()
	t.store(messages...)
	rows := t.pending(t.Store)
	if len(rows) != len(messages) {
		t.Fatalf("List returned %d rows after %d messages were stored", len(rows), len(messages))
	}
	return rows
}

// pending returns all rows that are not parked.
func (t *trial) pending(s outbox.Store) []outbox.Row {
	t.Helper()
	return t.list(s, outbox.Filter{Pending: true})
}

func (t *trial) list(s outbox.Store, f outbox.Filter) []outbox.Row {
	t.Helper()
	rows, err := s.List(t.context(), f)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return rows
}

// reader returns a reader that is closed at the end.
func (t *trial) reader(s outbox.Store) outbox.Reader {
	r := s.NewReader()
	t.Cleanup(r.Close)
	return r
}

func (t *trial) fetch(r outbox.Reader, limit int) []outbox.Row {
	t.Helper()
	rows, err := r.Fetch(t.context(), limit)
	if err != nil {
		t.Fatalf("Fetch: %v", err)
	}
	return rows
}

// fetchAll calls Fetch until there is no row left.
func (t *trial) fetchAll(r outbox.Reader) []outbox.Row {
	t.Helper()
	var all []outbox.Row
	for {
		rows := t.fetch(r, 1000)
		if len(rows) == 0 {
			return all
		}
		all = append(all, rows...)
	}
}

func (t *trial) acquire(s outbox.Store, holder string, ttl time.Duration) outbox.Lease {
	t.Helper()
	l, err := s.Acquire(t.context(), holder, ttl)
	if err != nil {
		t.Fatalf("Acquire for %s: %v", holder, err)
	}
	return l
}

// park parks rows.
func (t *trial) park(rows ...outbox.Row) {
	t.Helper()
	l := t.acquire(t.Store, "relay", time.Hour)
	var attempts []outbox.Attempt
	for _, r := range rows {
		attempts = append(attempts, outbox.Attempt{Sequence: r.Sequence, Attempts: 3, Err: "too large", Park: true})
	}
	if err := t.Store.Record(t.context(), l, attempts); err != nil {
		t.Fatalf("Record: %v", err)
	}
}

// until calls f until it returns true.
func (t *trial) until(what string, f func() bool) {
	t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for timeout := time.After(t.harness.Patience); !f(); {
		select {
		case <-look.C:
		case <-timeout:
			t.Fatalf("not within %v: %s", t.harness.Patience, what)
		}
	}
}

// within fails the test if f takes too long.
func (t *trial) within(name string, f func() error) error {
	t.Helper()
	result := make(chan error, 1)
	go func() { result <- f() }()
	select {
	case err := <-result:
		return err
	case <-time.After(t.harness.Patience):
		t.Fatalf("%s did not return within %v", name, t.harness.Patience)
		return nil
	}
}

// requireValues compares the values of rows, in their order.
func (t *trial) requireValues(where string, rows []outbox.Row, want ...string) {
	t.Helper()
	if got := values(rows); !slices.Equal(got, want) {
		t.Fatalf("%s: found the values %.400q; want %.400q", where, got, want)
	}
}

// requireItems compares the data of rows, in their order.
func (t *trial) requireItems(where string, rows []outbox.Row, want ...item) {
	t.Helper()
	if got := t.items(rows); !slices.Equal(got, want) {
		t.Fatalf("%s: found %d items: %.400s; want %d: %.400s", where, len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
	}
}

// items returns the data of the events of rows.
func (t *trial) items(rows []outbox.Row) []item {
	t.Helper()
	var items []item
	for _, r := range rows {
		if r.Message == nil {
			t.Fatalf("row %d has no message: %v", r.Sequence, r.Err)
		}
		var data struct {
			Key    string `json:"key"`
			Number int64  `json:"number"`
		}
		if err := json.NewDecoder(bytes.NewReader(r.Message.Event.Value)).Decode(&data); err != nil {
			t.Fatalf("row %d: value: %v", r.Sequence, err)
		}
		items = append(items, item(data))
	}
	return items
}

func values(rows []outbox.Row) []string {
	values := []string{}
	for _, r := range rows {
		if r.Message == nil {
			values = append(values, fmt.Sprint("no message: ", r.Err))
			continue
		}
		values = append(values, string(r.Message.Event.Value))
	}
	return values
}

func sequences(rows []outbox.Row) []int64 {
	var all []int64
	for _, r := range rows {
		all = append(all, r.Sequence)
	}
	return all
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

var errRollback = errors.New("outboxtest: roll back")

// sameLane returns a message of another topic whose lane is given.
func (t *trial) sameLane(topic string, lane int) *signalcast.Message {
	for n := 0; ; n++ {
		m := t.message(fmt.Sprint("key", n), "of another topic")
		if m.Topic = topic; outbox.LaneOf(m) == lane {
			return m
		}
	}
}
