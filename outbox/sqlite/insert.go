package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// insert inserts messages in their order. prepared is the statement, or nil.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, prepared *sql.Stmt, messages []*signalcast.Message) error {
	if len(messages) == 0 {
		return nil
	}
	var schemas []*signalcast.Schema
	for _, m := range messages {
		schemas = append(schemas, m.KeySchema, m.Event.ValueSchema)
	}
	if err := s.schemas.insert(ctx, tx, s.sql.insertSchema, schemas); err != nil {
		return err
	}
	stmt, err := statement(ctx, tx, prepared, s.sql.insert)
	if err != nil {
		return fmt.Errorf("insert messages: %w", err)
	}
	defer func() { _ = stmt.Close() }()
	for i, m := range messages {
		if _, err := stmt.ExecContext(ctx, values(m)...); err != nil {
			return fmt.Errorf("insert message %d of %d: %w", i+1, len(messages), err)
		}
	}
	return nil
}

// values returns the parameters of the statement insert.
func values(m *signalcast.Message) []any {
	var traceparent, tracestate any
	if m.Trace != nil {
		traceparent = m.Trace.TraceParent
		if m.Trace.TraceState != "" {
			tracestate = m.Trace.TraceState
		}
	}
	e := m.Event
	return []any{
		outbox.LaneOf(m), m.Topic, e.ID[:], e.EventType, e.MinorVersion, e.Source, e.SourceHost, e.Time.UnixMicro(), e.SourceLib,
		traceparent, tracestate, e.ContentType, idOrNull(m.KeySchema), idOrNull(e.ValueSchema), m.Key != nil, m.Key, e.Value,
	}
}
