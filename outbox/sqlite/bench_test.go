package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// BenchmarkTransaction measures the same transaction with and without one event in the outbox, in turn. The
// metric "of-plain" is the throughput with an event relative to the throughput without.
func BenchmarkTransaction(b *testing.B) {
	for _, synchronous := range []string{"FULL", "NORMAL"} {
		b.Run(synchronous, func(b *testing.B) {
			db, err := sql.Open("sqlite", dsn(filepath.Join(b.TempDir(), "shop.db"), "journal_mode(WAL)", "synchronous("+synchronous+")"))
			require.NoError(b, err)
			b.Cleanup(func() { _ = db.Close() })
			store := newStore(b, db)
			require.NoError(b, store.Migrate(b.Context()))
			s := serve(b, store, db, map[string]signalcast.TopicConfig{
				"orders": {EventKeyField: new("number"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)},
			})
			n := 0
			insert := func(ctx context.Context, tx *sql.Tx, number string) error {
				n++
				_, err := tx.ExecContext(ctx, "INSERT INTO orders (number) VALUES (?)", number)
				return err
			}
			plain := func() error {
				tx, err := db.BeginTx(b.Context(), nil)
				if err != nil {
					return err
				}
				if err := insert(b.Context(), tx, fmt.Sprint("plain ", n)); err != nil {
					return err
				}
				return tx.Commit()
			}
			event := func() error {
				return s.InTx(b.Context(), func(ctx context.Context, tx *sql.Tx) error {
					number := fmt.Sprint("event ", n)
					if err := insert(ctx, tx, number); err != nil {
						return err
					}
					return s.placed.Send(ctx, s.registry, order{Number: number})
				})
			}
			var with, without time.Duration
			timed := func(f func() error, total *time.Duration) {
				start := time.Now()
				require.NoError(b, f())
				*total += time.Since(start)
			}
			for b.Loop() {
				timed(plain, &without)
				timed(event, &with)
			}
			b.ReportMetric(float64(without)/float64(with), "of-plain")
			b.ReportMetric(float64(without.Microseconds())/float64(b.N), "plain-µs")
			b.ReportMetric(float64(with.Microseconds())/float64(b.N), "event-µs")
			b.ReportMetric(0, "ns/op")
		})
	}
}
