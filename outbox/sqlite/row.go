package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// scanned is a row before its schemas are known.
type scanned struct {
	row                    outbox.Row
	keySchema, valueSchema sql.NullInt64
}

// query returns the rows of a statement that selects rowColumns.
func (s *Store) query(ctx context.Context, statement string, args ...any) ([]outbox.Row, error) {
	found, err := s.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller does
	}
	defer func() { _ = found.Close() }()
	var all []scanned
	var ids []int64
	for found.Next() {
		r, err := scanRow(found)
		if err != nil {
			return nil, err
		}
		for _, id := range []sql.NullInt64{r.keySchema, r.valueSchema} {
			if id.Valid {
				ids = append(ids, id.Int64)
			}
		}
		all = append(all, r)
	}
	if err := found.Err(); err != nil {
		return nil, err //nolint:wrapcheck // the caller does
	}
	_ = found.Close() // the pool may have only one connection
	if err := s.schemas.load(ctx, s.db, s.sql.selectSchemas, ids); err != nil {
		return nil, err
	}
	rows := make([]outbox.Row, len(all))
	for i := range all {
		rows[i] = s.complete(&all[i])
	}
	return rows, nil
}

func scanRow(found *sql.Rows) (scanned, error) {
	var (
		r                       scanned
		m                       = signalcast.Message{Event: &signalcast.Envelope{}}
		e                       = m.Event
		id, key, value          []byte
		eventTime, storedAt     int64
		parkedAt                sql.NullInt64
		traceparent, tracestate sql.NullString
		keyless                 bool
	)
	err := found.Scan(&r.row.Sequence, &r.row.Lane, &m.Topic, &id, &e.EventType, &e.MinorVersion, &e.Source, &e.SourceHost, &eventTime, &e.SourceLib,
		&traceparent, &tracestate, &e.ContentType, &r.keySchema, &r.valueSchema, &storedAt, &r.row.Attempts, &r.row.LastError, &parkedAt,
		&keyless, &key, &value)
	if err != nil {
		return r, err //nolint:wrapcheck // the caller does
	}
	if len(id) != len(e.ID) {
		r.row.Err = fmt.Errorf("column event_id: found %d bytes; want %d", len(id), len(e.ID))
	}
	copy(e.ID[:], id)
	if !keyless {
		m.Key = append([]byte{}, key...)
	}
	e.Value = value
	e.Time = microseconds(eventTime)
	if traceparent.Valid {
		m.Trace = &signalcast.TraceContext{TraceParent: traceparent.String, TraceState: tracestate.String}
	}
	r.row.Topic, r.row.EventType = m.Topic, e.EventType
	r.row.Message, r.row.StoredAt = &m, microseconds(storedAt)
	if parkedAt.Valid {
		r.row.ParkedAt = microseconds(parkedAt.Int64)
	}
	return r, nil
}

// complete sets the schemas of the message, or the error of the row.
func (s *Store) complete(r *scanned) outbox.Row {
	row := r.row
	for _, schema := range []struct {
		column string
		id     sql.NullInt64
		to     **signalcast.Schema
	}{
		{"key_schema", r.keySchema, &row.Message.KeySchema},
		{"value_schema", r.valueSchema, &row.Message.Event.ValueSchema},
	} {
		if !schema.id.Valid {
			continue
		}
		if *schema.to = s.schemas.get(schema.id.Int64); *schema.to == nil && row.Err == nil {
			row.Err = fmt.Errorf("column %s: found %d; want the id of a row of table %s", schema.column, schema.id.Int64, s.tables.schemas)
		}
	}
	if row.Err != nil {
		row.Message = nil
	}
	return row
}

func microseconds(n int64) time.Time { return time.UnixMicro(n).UTC() }
