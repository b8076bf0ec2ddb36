package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// columns are the columns of a row, in the order of storedRow.scan.
const columns = "sequence, lane, topic, event_id, event_type, minor_version, source, source_host, event_time, source_lib, content_type," +
	" key_schema, value_schema, traceparent, tracestate, key, value, stored_at, attempts, last_error, parked_at"

// storedRow is a row whose schemas are not loaded yet.
type storedRow struct {
	row                    outbox.Row
	keySchema, valueSchema *int64
}

// readRows reads rows, which it closes.
func readRows(rows pgx.Rows) ([]storedRow, error) {
	var stored []storedRow
	defer rows.Close()
	for rows.Next() {
		var r storedRow
		if err := r.scan(rows); err != nil {
			return nil, err
		}
		stored = append(stored, r)
	}
	return stored, rows.Err() //nolint:wrapcheck // of the caller
}

func (r *storedRow) scan(rows pgx.Rows) error {
	e := &signalcast.Envelope{}
	m := &signalcast.Message{Event: e}
	r.row.Message = m
	var traceParent, traceState, lastError *string
	var parkedAt *time.Time
	err := rows.Scan(&r.row.Sequence, &r.row.Lane, &m.Topic, (*[16]byte)(&e.ID), &e.EventType, &e.MinorVersion, &e.Source, &e.SourceHost,
		&e.Time, &e.SourceLib, &e.ContentType, &r.keySchema, &r.valueSchema, &traceParent, &traceState, &m.Key, &e.Value,
		&r.row.StoredAt, &r.row.Attempts, &lastError, &parkedAt)
	if err != nil {
		return err //nolint:wrapcheck // of the caller
	}
	r.row.Topic, r.row.EventType = m.Topic, e.EventType
	e.Time = e.Time.UTC()
	if traceParent != nil {
		m.Trace = &signalcast.TraceContext{TraceParent: *traceParent, TraceState: deref(traceState)}
	}
	r.row.LastError = deref(lastError)
	if parkedAt != nil {
		r.row.ParkedAt = *parkedAt
	}
	return nil
}

// finish loads the schemas of rows. A row whose schema is missing has an error instead of its message.
func (s *Store) finish(ctx context.Context, stored []storedRow) ([]outbox.Row, error) {
	var ids []int64
	for _, r := range stored {
		for _, id := range []*int64{r.keySchema, r.valueSchema} {
			if id != nil {
				ids = append(ids, *id)
			}
		}
	}
	if err := s.loadSchemas(ctx, ids); err != nil {
		return nil, err
	}
	var rows []outbox.Row
	for _, r := range stored {
		m := r.row.Message
		var keyErr, valueErr error
		m.KeySchema, keyErr = s.schemas.of(r.keySchema)
		m.Event.ValueSchema, valueErr = s.schemas.of(r.valueSchema)
		if keyErr != nil || valueErr != nil {
			r.row.Message, r.row.Err = nil, fmt.Errorf("postgres: table %s_schemas: %w", s.names.display, firstError(keyErr, valueErr))
		}
		rows = append(rows, r.row)
	}
	return rows, nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// MissingSchemaError reports that a row refers to a schema that the table of schemas lacks.
type MissingSchemaError struct {
	// ID is the ID of the schema.
	ID int64
}

func (e *MissingSchemaError) Error() string {
	return fmt.Sprintf("found no schema with the id %d; want the schema of the row (restore the table of schemas)", e.ID)
}

// of returns a loaded schema, or nil without an ID.
func (s *schemas) of(id *int64) (*signalcast.Schema, error) {
	if id == nil {
		return nil, nil //nolint:nilnil // documented above
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if schema := s.loaded[*id]; schema != nil {
		return schema, nil
	}
	return nil, &MissingSchemaError{ID: *id}
}
