package outboxtest

import (
	"reflect"

	"github.com/signalcast/signalcast"
)

// storeCases are about messages that are sent outside a unit.
func storeCases() []Case {
	return []Case{
		{"prepare", "Prepare returns nil if the database may be used, and stores no message", func(t *trial) {
			for _, enabled := range []bool{true, false} {
				route := signalcast.Route{
					EventType: eventType, Topic: topic, KeyPath: "key", Enabled: enabled, Mode: signalcast.ModeOutbox,
					ContentType: "application/avro", ValueSchema: t.valueSchema, KeySchema: t.keySchema,
				}
				for range 2 {
					if err := t.Store.Prepare(t.context(), []signalcast.Route{route, {EventType: eventType, Topic: "keyless"}}); err != nil {
						t.Fatalf("Prepare (enabled: %t): %v", enabled, err)
					}
				}
			}
			t.requireValues("after Prepare", t.pending(t.Store))
		}},
		{"store-committed", "messages are committed, in their order, when Store returns", func(t *trial) {
			messages := t.numbered(40)
			t.store(messages...)
			var want []string
			for _, m := range messages {
				want = append(want, string(m.Event.Value))
			}
			t.requireValues("another process", t.pending(t.Second), want...)
		}},
		{"store-error", "if Store returns an error, no message is stored", func(t *trial) {
			if err := t.Store.Insert(ended(), t.numbered(3)); err == nil {
				t.Fatal("Store returned nil although its context had ended; it cannot know that the messages are committed")
			}
			t.requireValues("after the error", t.pending(t.Store))
		}},
		{"store-not-kept", "the store does not use a message after Store has returned", func(t *trial) {
			m := t.message("key", "value")
			t.store(m)
			clear(m.Key)
			clear(m.Event.Value)
			m.Topic, m.Event.Source, m.KeySchema = "changed", "changed", nil
			rows := t.pending(t.Store)
			t.requireValues("after the message changed", rows, "value")
			if got := rows[0].Message; string(got.Key) != "key" || got.Topic != topic || got.Event.Source == "changed" || got.KeySchema == nil {
				t.Fatalf("the row changed with the message: %+v", got)
			}
		}},
		{"message-read-only", "the store does not change a message", func(t *trial) {
			m, same := t.message("key", "value"), t.message("key", "value")
			same.Event.ID = m.Event.ID
			t.store(m)
			if !reflect.DeepEqual(m, same) {
				t.Fatalf("the message was %+v before and is %+v", same, m)
			}
		}},
	}
}
