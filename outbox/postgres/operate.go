package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast/outbox"
)

const (
	statusSQL = "select count(*) filter (where parked_at is null), count(*) filter (where parked_at is not null)," +
		" count(*) filter (where parked_at is null and last_error <> ''), min(stored_at) filter (where parked_at is null), clock_timestamp()," +
		" coalesce((select token from {lease}), 0), coalesce((select holder from {lease} where until > clock_timestamp()), '')," +
		" (select until from {lease}) from {table}"

	// retryRows moves rows to the end of their lanes.
	retryColumns = "topic, lane, event_id, event_type, minor_version, source, source_host, event_time, source_lib, content_type," +
		" key_schema, value_schema, traceparent, tracestate, key, value, stored_at"
	retryRows = "with gone as (delete from {table} where sequence = any($1::bigint[]) returning *)" +
		" insert into {table} (" + retryColumns + ") select " + retryColumns + " from gone order by sequence"
)

// Status implements [outbox.Store]. It counts the rows, which takes about a second for some millions of them.
func (s *Store) Status(ctx context.Context) (outbox.Status, error) {
	var status outbox.Status
	var oldest, until *time.Time
	err := s.pool.QueryRow(ctx, s.names.sql(statusSQL)).Scan(&status.Pending, &status.Parked, &status.Failing, &oldest, &status.Now,
		&status.Lease.Token, &status.Lease.Holder, &until)
	if oldest != nil {
		status.Oldest = *oldest
	}
	if until != nil {
		status.Lease.Until = *until
	}
	return status, s.fail("status", err)
}

// condition returns the SQL condition of f, and its arguments.
func condition(f outbox.Filter) (text string, args []any) {
	text = "parked_at is not null"
	if f.Pending {
		text = "parked_at is null"
	}
	add := func(condition string, arg any) {
		args = append(args, arg)
		text += fmt.Sprintf(" and "+condition, len(args))
	}
	if len(f.Sequences) > 0 {
		add("sequence = any($%d::bigint[])", f.Sequences)
	}
	if f.Topic != "" {
		add("topic = $%d::text", f.Topic)
	}
	if f.EventType != "" {
		add("event_type = $%d::text", f.EventType)
	}
	text += " order by sequence"
	if f.Limit > 0 {
		text += fmt.Sprintf(" limit $%d::bigint", len(args)+1)
		args = append(args, f.Limit)
	}
	return text, args
}

// List implements [outbox.Store].
func (s *Store) List(ctx context.Context, f outbox.Filter) ([]outbox.Row, error) {
	where, args := condition(f)
	return s.query(ctx, "list", s.names.sql("select "+columns+" from {table} where "+where), args...)
}

// Retry implements [outbox.Store].
func (s *Store) Retry(ctx context.Context, f outbox.Filter) (int, error) {
	if f.Pending {
		return 0, errors.New("postgres: retry: found a filter of pending rows; want one of parked rows")
	}
	moved := 0
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		where, args := condition(f)
		rows, err := tx.Query(ctx, s.names.sql("select sequence, lane from {table} where "+where+" for update"), args...)
		if err != nil {
			return err //nolint:wrapcheck // below
		}
		var sequences []int64
		var lanes [outbox.Lanes]bool
		var sequence int64
		var lane int
		_, err = pgx.ForEachRow(rows, []any{&sequence, &lane}, func() error {
			sequences = append(sequences, sequence)
			lanes[lane] = true
			return nil
		})
		if err != nil || len(sequences) == 0 {
			return err //nolint:wrapcheck // below
		}
		var ascending []int32
		for lane, used := range lanes {
			if used {
				ascending = append(ascending, int32(lane))
			}
		}
		if _, err := tx.Exec(ctx, s.names.sql(lockLanes), ascending); err != nil {
			return err //nolint:wrapcheck // below
		}
		tag, err := tx.Exec(ctx, s.names.sql(retryRows), sequences)
		moved = int(tag.RowsAffected())
		return err //nolint:wrapcheck // below
	})
	if err != nil {
		return 0, s.fail("retry", err)
	}
	if moved > 0 {
		s.committed(&write{})
	}
	return moved, nil
}

// Drop implements [outbox.Store].
func (s *Store) Drop(ctx context.Context, f outbox.Filter) (int, error) {
	where, args := condition(f)
	statement := "delete from {table} where sequence in (select sequence from {table} where " + where + " for update)"
	tag, err := s.pool.Exec(ctx, s.names.sql(strings.TrimSpace(statement)), args...)
	return int(tag.RowsAffected()), s.fail("drop", err)
}
