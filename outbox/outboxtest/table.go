package outboxtest

import (
	"context"
	"errors"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// tableCases are about the tables and the database.
func tableCases(h Harness) []Case {
	cases := []Case{
		{"migrate-again", "Migrate may be called at any time, and keeps rows and lease", func(t *trial) {
			l := t.acquire(t.Store, "relay", time.Hour)
			t.store(t.numbered(3)...)
			for _, s := range []outbox.Store{t.Store, t.Second} {
				if err := s.Migrate(t.context()); err != nil {
					t.Fatalf("Migrate: %v", err)
				}
			}
			t.requireValues("after Migrate", t.pending(t.Store), "0", "1", "2")
			if found := t.status().Lease; found.Holder != l.Holder || found.Token != l.Token {
				t.Fatalf("after Migrate, the lease is %+v; want %+v", found, l)
			}
		}},
	}
	if !h.NoTables {
		cases = append(cases, Case{"prepare-no-tables", "Prepare without tables returns a *SchemaError, for enabled and disabled routes alike", func(t *trial) {
			store, _ := t.Empty()
			for _, enabled := range []bool{true, false} {
				err := store.Prepare(t.context(), []signalcast.Route{{EventType: eventType, Topic: topic, Enabled: enabled}})
				found, ok := errors.AsType[*outbox.SchemaError](err)
				if !ok {
					t.Fatalf("Prepare (enabled: %t): %v; want a *SchemaError", enabled, err)
				}
				if found.Found != 0 || found.Want < 1 || found.Table == "" {
					t.Fatalf("Prepare returned %+v; want Found 0, the version that is needed, and the table", found)
				}
			}
		}}, Case{"migrate-race", "Migrate may be called by several processes at once", func(t *trial) {
			ctx := t.context()
			store, second := t.Empty()
			failed := make(chan error, 8)
			for i := range 8 {
				s := []outbox.Store{store, second}[i%2]
				go func() { failed <- s.Migrate(ctx) }()
			}
			for range 8 {
				if err := <-failed; err != nil {
					t.Fatalf("Migrate: %v", err)
				}
			}
			if err := store.Prepare(t.context(), nil); err != nil {
				t.Fatalf("Prepare after Migrate: %v", err)
			}
		}})
	}
	if !h.NoClose {
		cases = append(cases, Case{"closed", "every method returns an error if the database is closed", func(t *trial) {
			l := t.acquire(t.Store, "relay", time.Hour)
			r := t.reader(t.Store)
			t.Close()
			for name, f := range t.methods(r, l) {
				ctx := t.context()
				if err := t.within(name, func() error { return f(ctx) }); err == nil {
					t.Errorf("%s returned no error", name)
				}
			}
		}})
	}
	return cases
}

// methods returns calls of all methods that return an error and may be called concurrently. Only one goroutine may
// call those of the reader.
func (t *trial) methods(r outbox.Reader, l outbox.Lease) map[string]func(context.Context) error {
	s := t.Store
	return map[string]func(context.Context) error{
		"Prepare": func(ctx context.Context) error { return s.Prepare(ctx, nil) },
		"Insert":  func(ctx context.Context) error { return s.Insert(ctx, t.numbered(1)) },
		"InTx": func(ctx context.Context) error {
			return t.InTx(ctx, func(context.Context) error { return nil })
		},
		"Acquire": func(ctx context.Context) error { _, err := s.Acquire(ctx, l.Holder, time.Hour); return err },
		"Release": func(ctx context.Context) error { return s.Release(ctx, outbox.Lease{Holder: "other", Token: 1 << 40}) },
		"Delete":  func(ctx context.Context) error { return s.Delete(ctx, []int64{1}) },
		"Record":  func(ctx context.Context) error { return s.Record(ctx, l, []outbox.Attempt{{Sequence: 1, Err: "x"}}) },
		"Status":  func(ctx context.Context) error { _, err := s.Status(ctx); return err },
		"List":    func(ctx context.Context) error { _, err := s.List(ctx, outbox.Filter{Pending: true}); return err },
		"Retry":   func(ctx context.Context) error { _, err := s.Retry(ctx, outbox.Filter{}); return err },
		"Drop":    func(ctx context.Context) error { _, err := s.Drop(ctx, outbox.Filter{}); return err },
		"Migrate": s.Migrate,
		"Fetch":   func(ctx context.Context) error { _, err := r.Fetch(ctx, 10); return err },
		"FetchLane": func(ctx context.Context) error {
			_, err := r.FetchLane(ctx, topic, 0, 0, 10)
			return err
		},
	}
}
