package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// columns are the columns of a row, in the order of newRowScanner.
const columns = "sequence, lane, topic, event_id, event_type, minor_version, source, source_host, event_time, source_lib, content_type," +
	" key_schema, value_schema, traceparent, tracestate, key, value, stored_at, attempts, last_error, parked_at"

// storedRow is a row whose schemas are not loaded yet.
type storedRow struct {
	row                    outbox.Row
	keySchema, valueSchema pgtype.Int8
}

// readRows reads rows, which it closes.
func readRows(rows pgx.Rows) ([]storedRow, error) {
	var stored []storedRow
	defer rows.Close()
	s := newRowScanner()
	for rows.Next() {
		if err := rows.Scan(s.targets...); err != nil {
			return nil, err //nolint:wrapcheck // of the caller
		}
		stored = append(stored, s.stored())
	}
	return stored, rows.Err() //nolint:wrapcheck // of the caller
}

// rowScanner scans the rows of one result. The rows share texts that are equal.
type rowScanner struct {
	targets []any
	known   map[string]string

	row                                                          storedRow
	meta                                                         signalcast.Metadata
	id                                                           pgtype.UUID
	topic, eventType, source, sourceHost, sourceLib, contentType sharedText
	traceParent, traceState, lastError                           *string
	key, value                                                   borrowedBytes
	parkedAt                                                     *time.Time
}

func newRowScanner() *rowScanner {
	s := &rowScanner{known: map[string]string{}}
	for _, t := range []*sharedText{&s.topic, &s.eventType, &s.source, &s.sourceHost, &s.sourceLib, &s.contentType} {
		t.known = s.known
	}
	r := &s.row.row
	s.targets = []any{
		&r.Sequence, &r.Lane, &s.topic, &s.id, &s.eventType, &s.meta.MinorVersion, &s.source, &s.sourceHost, &s.meta.Time, &s.sourceLib, &s.contentType,
		&s.row.keySchema, &s.row.valueSchema, &s.traceParent, &s.traceState, &s.key, &s.value, &r.StoredAt, &r.Attempts, &s.lastError, &s.parkedAt,
	}
	return s
}

// stored returns the scanned row, with memory of its own for the key and the value.
func (s *rowScanner) stored() storedRow {
	content := make([]byte, len(s.key)+len(s.value))
	value := content[copy(content, s.key):]
	copy(value, s.value)
	var key []byte
	if s.key != nil {
		key = content[:len(s.key):len(s.key)]
	}
	together := &struct {
		message  signalcast.Message
		envelope signalcast.Envelope
	}{
		signalcast.Message{Topic: s.topic.text, Key: key},
		signalcast.Envelope{Metadata: s.meta, Value: value, ContentType: s.contentType.text},
	}
	m, e := &together.message, &together.envelope
	m.Event = e
	e.ID, e.EventType, e.Source, e.SourceHost, e.SourceLib = s.id.Bytes, s.eventType.text, s.source.text, s.sourceHost.text, s.sourceLib.text
	e.Time = e.Time.UTC()
	if s.traceParent != nil {
		m.Trace = &signalcast.TraceContext{TraceParent: *s.traceParent, TraceState: deref(s.traceState)}
	}
	row := s.row
	row.row.Message, row.row.Topic, row.row.EventType = m, m.Topic, e.EventType
	row.row.LastError = deref(s.lastError)
	if s.parkedAt != nil {
		row.row.ParkedAt = *s.parkedAt
	}
	return row
}

// sharedText scans a column whose rows have few different texts.
type sharedText struct {
	text  string
	known map[string]string
}

// ScanBytes implements [pgtype.BytesScanner].
func (t *sharedText) ScanBytes(b []byte) error {
	if t.text == string(b) {
		return nil
	}
	text, ok := t.known[string(b)]
	if !ok {
		text = string(b)
		t.known[text] = text
	}
	t.text = text
	return nil
}

// borrowedBytes is valid until the next row is read. It is nil for null.
type borrowedBytes []byte

// ScanBytes implements [pgtype.BytesScanner].
func (b *borrowedBytes) ScanBytes(v []byte) error {
	*b = v
	return nil
}

// finish loads the schemas of rows. A row whose schema is missing has an error instead of its message.
func (s *Store) finish(ctx context.Context, stored []storedRow) ([]outbox.Row, error) {
	ids := make([]int64, 0, 2*len(stored))
	for i := range stored {
		for _, id := range [...]pgtype.Int8{stored[i].keySchema, stored[i].valueSchema} {
			if id.Valid {
				ids = append(ids, id.Int64)
			}
		}
	}
	if err := s.loadSchemas(ctx, ids); err != nil {
		return nil, err
	}
	rows := make([]outbox.Row, 0, len(stored))
	for i := range stored {
		r := &stored[i]
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
func (s *schemas) of(id pgtype.Int8) (*signalcast.Schema, error) {
	if !id.Valid {
		return nil, nil //nolint:nilnil // documented above
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if schema := s.loaded[id.Int64]; schema != nil {
		return schema, nil
	}
	return nil, &MissingSchemaError{ID: id.Int64}
}
