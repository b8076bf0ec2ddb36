//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// Writers commit, roll back, use savepoints and are terminated at random. A reader must return each committed row once, and the rows of
// each key in the order of their commits. That order is known because each transaction increments a counter of its keys in a row
// that it locks.
func TestReaderLosesNothingWhileWritersFailAtRandom(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	counters := s.table + "_counters"
	exec(t, s.pool, "create table "+counters+" (customer text primary key, number bigint not null)")
	t.Cleanup(func() { exec(t, s.pool, "drop table "+counters) })
	const customers, writers, transactions = 40, 8, 120
	for i := range customers {
		exec(t, s.pool, "insert into "+counters+" values ($1, 0)", strconv.Itoa(i))
	}
	application := "chaos " + s.table
	pool := newPool(t, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = application })
	victims := newShopOf(t, s, pool)

	var unknown, failures, withdrawn atomic.Int64
	step := func(ctx context.Context, tx pgx.Tx, rng *rand.Rand) error {
		customer := strconv.Itoa(rng.IntN(customers))
		var number int64
		if err := tx.QueryRow(ctx, "update "+counters+" set number = number + 1 where customer = $1 returning number", customer).Scan(&number); err != nil {
			return err
		}
		if _, err := victims.placed.SendAsync(ctx, victims.registry, order{customer, number}); err != nil {
			return err
		}
		return nil
	}
	transaction := func(rng *rand.Rand) error {
		return victims.store.InTx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
			for range 1 + rng.IntN(3) {
				if rng.IntN(4) > 0 {
					if err := step(ctx, tx, rng); err != nil {
						return err
					}
					continue
				}
				err := victims.store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
					if err := step(ctx, tx, rng); err != nil {
						return err
					}
					if rng.IntN(2) == 0 {
						return errShop
					}
					return nil
				})
				if err != nil && !errors.Is(err, errShop) {
					return err
				}
			}
			if rng.IntN(5) == 0 {
				withdrawn.Add(1)
				return errShop
			}
			return nil
		})
	}
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 7))
			for range transactions {
				err := transaction(rng)
				switch {
				case errors.Is(err, signalcast.ErrCommitUnknown):
					unknown.Add(1)
				case err != nil && !errors.Is(err, errShop):
					failures.Add(1)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	terminated := make(chan int64)
	go func() {
		n := int64(0)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				terminated <- n
				return
			case <-ticker.C:
				var hit int64
				_ = s.pool.QueryRow(context.Background(), "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity"+
					" where application_name = $1 order by random() limit 1) v", application).Scan(&hit)
				n += hit
			}
		}
	}()

	r := newReader(t, s.store)
	counts := map[string]int64{}
	read := 0
	for finished := false; ; {
		select {
		case <-done:
			finished = true
		default:
		}
		rows := fetch(t, r, 1+rand.IntN(50))
		for _, text := range ordersOf(t, rows) {
			customer, number, _ := strings.Cut(text, " ")
			counts[customer]++
			require.Equal(t, strconv.FormatInt(counts[customer], 10), number, "customer %s: lost, twice, or out of order", customer)
			read++
		}
		if rand.IntN(2) == 0 {
			require.NoError(t, s.store.Delete(context.Background(), sequences(rows)))
		}
		if finished && len(rows) == 0 {
			break
		}
	}
	committed := query[int](t, s.pool, "select sum(number) from "+counters)
	require.Equal(t, committed, read, "lost or phantom rows")
	n := <-terminated
	t.Logf("%d rows, %d connections terminated, %d transactions failed, %d unknown, %d rolled back", read, n, failures.Load(), unknown.Load(), withdrawn.Load())
	require.Positive(t, n)
	require.Positive(t, failures.Load()+unknown.Load())
	for range 5 {
		require.Empty(t, fetch(t, r, 10))
	}
}

func TestOrderOfALaneIsThatOfCommitsWithManyLanesInATransaction(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var writing sync.WaitGroup
	for w := range 6 {
		writing.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 9))
			for i := range 30 {
				var messages []*signalcast.Message
				for range 20 {
					messages = append(messages, message("orders", strconv.Itoa(rng.IntN(50)), fmt.Sprint(w, i)))
				}
				if err := s.Insert(context.Background(), messages); err != nil {
					t.Errorf("deadlock or worse: %v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	r := newReader(t, s)
	last := map[int]int64{}
	var rows []outbox.Row
	for finished := false; !finished || len(rows) > 0; {
		select {
		case <-done:
			finished = true
		default:
		}
		rows = fetch(t, r, 100)
		for _, row := range rows {
			require.Greater(t, row.Sequence, last[row.Lane])
			last[row.Lane] = row.Sequence
		}
	}
	require.Len(t, list(t, s), 6*30*20)
}
