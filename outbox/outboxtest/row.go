package outboxtest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// rowCases are about the contents of rows.
func rowCases(h Harness) []Case {
	cases := []Case{
		{"row-message", "a row has every field of its message: keys, values, metadata, schemas, trace", func(t *trial) {
			messages := t.samples()
			t.store(messages...)
			t.requireMessages("Fetch", t.fetchAll(t.reader(t.Second)), messages)
			t.requireMessages("List", t.pending(t.Second), messages)
			for i, m := range messages {
				rows, err := t.reader(t.Second).FetchLane(t.context(), m.Topic, outbox.LaneOf(m), 0, len(messages))
				if err != nil {
					t.Fatalf("FetchLane: %v", err)
				}
				var found []outbox.Row
				for _, r := range rows {
					if r.Message != nil && r.Message.Event.ID == m.Event.ID {
						found = append(found, r)
					}
				}
				t.requireMessages("FetchLane", found, messages[i:i+1])
			}
		}},
		{"row-new", "a new row has its lane and the time of the database, no attempts and no error", func(t *trial) {
			before := t.status()
			rows := t.storeRows(t.numbered(5)...)
			after := t.status()
			for _, r := range rows {
				if r.Lane != outbox.LaneOf(r.Message) {
					t.Errorf("row %d: found lane %d; want %d", r.Sequence, r.Lane, outbox.LaneOf(r.Message))
				}
				if r.Attempts != 0 || r.LastError != "" || !r.ParkedAt.IsZero() || r.Err != nil {
					t.Errorf("row %d is not new: %+v", r.Sequence, r)
				}
				if r.StoredAt.Before(before.Now) || r.StoredAt.After(after.Now) {
					t.Errorf("row %d was stored at %v; want a time from %v to %v", r.Sequence, r.StoredAt, before.Now, after.Now)
				}
			}
		}},
		{"row-schemas", "equal schemas of rows have one pointer, which backends may use as a cache key", func(t *trial) {
			t.store(t.numbered(2)...)
			r := t.reader(t.Second)
			first := t.fetchAll(r)
			t.store(t.numbered(2)...)
			rows := append(first, t.fetchAll(r)...)
			for _, row := range rows {
				if row.Message.KeySchema != rows[0].Message.KeySchema || row.Message.Event.ValueSchema != rows[0].Message.Event.ValueSchema {
					t.Fatalf("row %d has another pointer of an equal schema", row.Sequence)
				}
			}
		}},
	}
	if !h.NoSchemas {
		cases = append(cases, Case{"row-schema-missing", "a row whose schema is missing has an error and no message, and does not affect others", func(t *trial) {
			without := t.message("key", "without")
			without.KeySchema, without.Event.ValueSchema = nil, nil
			t.store(t.message("key", "with"), without)
			t.RemoveSchemas()
			rows := t.fetchAll(t.reader(t.Second))
			if len(rows) != 2 || rows[0].Err == nil || rows[0].Message != nil {
				t.Fatalf("found %d rows, the first is %+v; want 2 and an error", len(rows), rows[:min(len(rows), 1)])
			}
			t.requireValues("the other row", rows[1:], "without")
		}})
	}
	return cases
}

// samples returns messages that differ in one field each.
func (t *trial) samples() []*signalcast.Message {
	changes := []func(*signalcast.Message){
		func(*signalcast.Message) {},
		func(m *signalcast.Message) { m.Key, m.KeySchema = nil, nil },
		func(m *signalcast.Message) { m.Key = []byte{} },
		func(m *signalcast.Message) { m.Key = []byte("\x00\xff\xfe") },
		func(m *signalcast.Message) { m.Key = make([]byte, 70_000) },
		func(m *signalcast.Message) { m.Topic = "another.topic" },
		func(m *signalcast.Message) { m.KeySchema = nil },
		func(m *signalcast.Message) { m.KeySchema, m.Event.ValueSchema = nil, nil },
		func(m *signalcast.Message) {
			m.Event.ValueSchema = &signalcast.Schema{Name: t.valueSchema.Name, Text: `{"doc": "ключ 'quoted' \\"}`}
		},
		func(m *signalcast.Message) { m.Event.Value = []byte{} },
		func(m *signalcast.Message) { m.Event.Value = []byte("\x00\xff\x80binary") },
		func(m *signalcast.Message) { m.Event.Value = []byte(strings.Repeat("v", 1<<20)) },
		func(m *signalcast.Message) { m.Event.ContentType = "application/json" },
		func(m *signalcast.Message) { m.Event.EventType = "org.example.other.v1" },
		func(m *signalcast.Message) { m.Event.MinorVersion = 1<<63 - 1 },
		func(m *signalcast.Message) { m.Event.Source = "openedx/a b=c,d\"e'f/web" },
		func(m *signalcast.Message) { m.Event.SourceHost = "" },
		func(m *signalcast.Message) { m.Event.SourceHost = "хост.example.org" },
		func(m *signalcast.Message) { m.Event.SourceLib = "11" },
		func(m *signalcast.Message) { m.Event.Time = time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC) },
		func(m *signalcast.Message) { m.Event.Time = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC) },
		func(m *signalcast.Message) { m.Event.Time = time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC) },
		func(m *signalcast.Message) {
			m.Trace = &signalcast.TraceContext{TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
		},
		func(m *signalcast.Message) {
			m.Trace = &signalcast.TraceContext{TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", TraceState: "a=1,b=2"}
		},
	}
	messages := make([]*signalcast.Message, len(changes))
	for i, change := range changes {
		messages[i] = t.message(fmt.Sprint("key", i%2), fmt.Sprint("value ", i))
		change(messages[i])
	}
	return messages
}

// requireMessages compares rows with the messages that they must have.
func (t *trial) requireMessages(where string, rows []outbox.Row, want []*signalcast.Message) {
	t.Helper()
	if len(rows) != len(want) {
		t.Fatalf("%s returned %d rows; want %d", where, len(rows), len(want))
	}
	for _, r := range rows {
		if r.Message == nil {
			t.Fatalf("%s: row %d has no message: %v", where, r.Sequence, r.Err)
		}
		i := slices.IndexFunc(want, func(m *signalcast.Message) bool { return m.Event.ID == r.Message.Event.ID })
		if i < 0 {
			t.Fatalf("%s: row %d has an event that was not sent", where, r.Sequence)
		}
		if got, wanted := describe(r.Message), describe(want[i]); got != wanted {
			t.Errorf("%s: a message differs: found\n%s\nwant\n%s", where, got, wanted)
		}
	}
}

// describe returns every field of a message. A nil key differs from an empty one. Values do not.
func describe(m *signalcast.Message) string {
	event := *m.Event
	event.Value, event.ValueSchema = nil, nil
	return fmt.Sprintf("topic %q, key %.200q (nil: %t), key schema %s, trace %s, event %+v, time %v, value %.200q, digests %x %x, value schema %s",
		m.Topic, m.Key, m.Key == nil, pointed(m.KeySchema), pointed(m.Trace), event, event.Time.UnixMicro(),
		m.Event.Value, sha256.Sum256(m.Key), sha256.Sum256(m.Event.Value), pointed(m.Event.ValueSchema))
}

func pointed[T any](p *T) string {
	if p == nil {
		return "nil"
	}
	return fmt.Sprintf("%+v", *p)
}
