//go:build integration

package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/outbox/postgres"
)

// BenchmarkTransaction compares a transaction with one event to the same transaction without it, in alternating rounds. It reports the
// median ratio of the rates: 1 means that the event costs nothing.
func BenchmarkTransaction(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := newShop(b, func(c *postgres.Config) {
				c.Pool = newPool(b, func(c *pgxpool.Config) { c.MaxConns = int32(writers) })
			})
			app := s.table + "_bench"
			exec(b, s.pool, "create table "+app+" (id bigint generated always as identity primary key, customer text, total bigint)")
			b.Cleanup(func() { exec(b, s.pool, "drop table "+app) })
			var n atomic.Int64
			transaction := func(event bool) error {
				return s.store.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
					customer := strconv.FormatInt(n.Add(1), 10)
					if _, err := tx.Exec(ctx, "insert into "+app+" (customer, total) values ($1, 1)", customer); err != nil || !event {
						return err
					}
					return s.send(ctx, customer, 1)
				})
			}
			round := func(event bool) float64 {
				const length = 500 * time.Millisecond
				start := time.Now()
				var done atomic.Int64
				var working sync.WaitGroup
				for range writers {
					working.Go(func() {
						for time.Since(start) < length {
							if err := transaction(event); err != nil {
								b.Error(err)
								return
							}
							done.Add(1)
						}
					})
				}
				working.Wait()
				return float64(done.Load()) / time.Since(start).Seconds()
			}
			round(true)
			var with, without, ratios []float64
			for b.Loop() {
				for range 5 {
					a, c := round(false), round(true)
					without, with, ratios = append(without, a), append(with, c), append(ratios, c/a)
				}
			}
			median := func(values []float64) float64 { slices.Sort(values); return values[len(values)/2] }
			require.NotEmpty(b, ratios)
			b.ReportMetric(median(ratios), "ratio")
			b.ReportMetric(median(with), "with/s")
			b.ReportMetric(median(without), "without/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
