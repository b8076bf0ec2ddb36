package outboxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// unitCases are about messages that are sent in transactions.
func unitCases() []Case {
	return []Case{
		{"unit-committed", "the messages of a committed transaction are stored in the order of sending", func(t *trial) {
			t.openService()
			items := []item{{"b", 1}, {"a", 2}, {"b", 3}, {"a", 4}}
			t.commit(items...)
			t.requireItems("after the commit", t.fetchAll(t.reader(t.Second)), items...)
		}},
		{"unit-uncommitted", "messages cannot be read before the commit", func(t *trial) {
			t.openService()
			r := t.reader(t.Second)
			requireNothing := func() {
				t.requireItems("Fetch before the commit", t.fetchAll(r))
				t.requireItems("List before the commit", t.pending(t.Second))
			}
			send := func(ctx context.Context) error {
				defer requireNothing()
				return t.send(ctx, item{"a", 1})
			}
			run := t.InTx
			if !t.harness.NoOverlap {
				run = func(ctx context.Context, f func(context.Context) error) error {
					return t.Overlap(ctx, f, requireNothing)
				}
			}
			if err := run(t.context(), send); err != nil {
				t.Fatalf("InTx: %v", err)
			}
			t.requireItems("after the commit", t.fetchAll(r), item{"a", 1})
		}},
		{"unit-rolled-back", "the messages of a transaction that was rolled back are never stored, and their fate says so", func(t *trial) {
			t.openService()
			var delivery *signalcast.Delivery
			err := t.InTx(t.context(), func(ctx context.Context) (err error) {
				if delivery, err = t.stored.SendAsync(ctx, t.registry, item{"a", 1}); err != nil {
					return err //nolint:wrapcheck // the case reports it
				}
				return errRollback
			})
			if !errors.Is(err, errRollback) {
				t.Fatalf("InTx: %v; want the error of the function", err)
			}
			t.commit(item{"a", 2})
			t.requireItems("after the rollback", t.fetchAll(t.reader(t.Store)), item{"a", 2})
			if err := delivery.Wait(t.context()); !errors.Is(err, signalcast.ErrRolledBack) {
				t.Fatalf("the outcome of the event is %v; want ErrRolledBack", err)
			}
		}},
		{"unit-panic", "a panic rolls back and continues", func(t *trial) {
			t.openService()
			recovered := func() (recovered any) {
				defer func() { recovered = recover() }()
				_ = t.InTx(t.context(), func(ctx context.Context) error {
					if err := t.send(ctx, item{"a", 1}); err != nil {
						return err
					}
					panic(errRollback)
				})
				return nil
			}()
			if err, ok := recovered.(error); !ok || !errors.Is(err, errRollback) {
				t.Fatalf("recovered %v; want the value of the panic", recovered)
			}
			t.commit(item{"a", 2})
			t.requireItems("after the panic", t.fetchAll(t.reader(t.Store)), item{"a", 2})
		}},
		{"unit-savepoint", "an error within a transaction withdraws only what was sent since the savepoint", func(t *trial) {
			t.openService()
			err := t.InTx(t.context(), func(ctx context.Context) error {
				nested := func(i item, result error) error {
					err := t.InTx(ctx, func(ctx context.Context) error { return errors.Join(t.send(ctx, i), result) })
					if !errors.Is(err, result) {
						return fmt.Errorf("InTx within InTx: %w", err)
					}
					return nil
				}
				return errors.Join(t.send(ctx, item{"a", 1}), nested(item{"a", 2}, nil), nested(item{"a", 3}, errRollback), t.send(ctx, item{"a", 4}))
			})
			if err != nil {
				t.Fatalf("InTx: %v", err)
			}
			t.requireItems("after the commit", t.fetchAll(t.reader(t.Store)), item{"a", 1}, item{"a", 2}, item{"a", 4})
		}},
		{"unit-ended", "a transaction whose context has ended is not committed", func(t *trial) {
			t.openService()
			ctx, cancel := context.WithCancel(t.context())
			err := t.InTx(ctx, func(ctx context.Context) error {
				defer cancel()
				return t.send(ctx, item{"a", 1})
			})
			if err == nil {
				t.Fatal("InTx returned nil after its context had ended")
			}
			t.requireItems("after the context ended", t.fetchAll(t.reader(t.Store)))
		}},
		{"unit-large", "a transaction stores 5,000 messages, in order for each key", func(t *trial) {
			t.openService()
			var items []item
			for n := range int64(5_000) {
				items = append(items, item{fmt.Sprint("key", n%100), n})
			}
			t.commit(items...)
			rows := t.fetchAll(t.reader(t.Second))
			slices.SortStableFunc(rows, func(a, b outbox.Row) int { return bytes.Compare(a.Message.Key, b.Message.Key) })
			slices.SortStableFunc(items, func(a, b item) int { return strings.Compare(a.Key, b.Key) })
			t.requireItems("after the commit, by key", rows, items...)
		}},
	}
}
