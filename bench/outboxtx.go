package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast/openedx/learning"
)

// The names of contenders.
const (
	noEvent   = "without an event"
	twoInsert = "without an event, two inserts"
)

// transactions returns the contest that writes an event in each transaction.
func (c *outboxContests) transactions(ctx context.Context, name string, writers, events int) (contest, error) {
	result := contest{name: name, about: fmt.Sprintf("%d goroutines insert a row in a transaction, and an event in the same transaction. "+
		"Compare with the transaction without an event. River inserts a job with the event, and watermill a message for its forwarder.", writers)}
	table, err := c.newTable(ctx, fmt.Sprintf("tx%d", writers), "topic", false)
	if err != nil {
		return result, err
	}
	peers, err := c.newPeers(ctx, fmt.Sprintf("tx%d", writers))
	if err != nil {
		return result, err
	}
	for i, k := range []struct {
		name, rows string
		write      func(ctx context.Context, i int, insert string) error
	}{
		{noEvent, "", func(ctx context.Context, _ int, insert string) error {
			return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error { return change(ctx, tx, insert) })
		}},
		{twoInsert, "", func(ctx context.Context, _ int, insert string) error {
			return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
				if err := change(ctx, tx, insert); err != nil {
					return err
				}
				return change(ctx, tx, insert)
			})
		}},
		{ours, table.name, func(ctx context.Context, i int, insert string) error {
			return table.store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
				if err := change(ctx, tx, insert); err != nil {
					return err
				}
				return table.send(ctx, i)
			})
		}},
		{riverLib, peers.queued(), func(ctx context.Context, i int, insert string) error {
			return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
				if err := change(ctx, tx, insert); err != nil {
					return err
				}
				return peers.insertJob(ctx, tx, i)
			})
		}},
		{watermillLib, peers.table(), func(ctx context.Context, i int, insert string) error {
			return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
				if err := change(ctx, tx, insert); err != nil {
					return err
				}
				return peers.publishIn(tx, i)
			})
		}},
	} {
		changes := fmt.Sprintf("changes%d_%d", writers, i)
		if err := c.exec(ctx, "create table "+changes+" (id bigint generated always as identity primary key, course text not null,"+
			" username text not null, created_at timestamptz not null default now())"); err != nil {
			return result, err
		}
		insert := "insert into " + changes + " (course, username) values ($1, $2)"
		result.contenders = append(result.contenders, contender{
			name: k.name, events: events,
			run: func(ctx context.Context, n int) error {
				return together(writers, n, func(_, i int) error { return k.write(ctx, i, insert) })
			},
			stored: func(ctx context.Context) (int, error) { return c.written(ctx, changes, k.rows, k.name == twoInsert) },
		})
	}
	return result, nil
}

// change is what the transactions of the contest do besides.
func change(ctx context.Context, tx pgx.Tx, insert string) error {
	_, err := tx.Exec(ctx, insert, learning.CourseEnrollmentCreated.EventType(), "username-734")
	return err
}

// written returns the number of transactions that were committed. Each must have its event.
func (c *outboxContests) written(ctx context.Context, changes, rows string, twice bool) (int, error) {
	n, err := c.count(ctx, changes)
	if err != nil {
		return 0, err
	}
	if twice {
		n /= 2
	}
	if rows == "" {
		return n, nil
	}
	events, err := c.count(ctx, rows)
	if err == nil && events != n {
		err = fmt.Errorf("found %d events of %d transactions; want one of each", events, n)
	}
	return n, err
}
