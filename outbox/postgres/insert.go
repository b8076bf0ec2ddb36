package postgres

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// The statements of a transaction with messages, in this order. The lanes are in ascending order, and unnest returns
// its elements in the order of the arrays: so locks are taken in the order of lanes, and sequences are given in the
// order of sending. A shared lock tells readers that the transaction may hold sequences, see gaps.
const (
	lockLanes     = "select pg_advisory_xact_lock({oid}::int4, lane) from unnest($1::int4[]) as lane"
	lockLanesSQL  = "select pg_advisory_xact_lock({oid}::int4, lane) from unnest(string_to_array($1::text, ',')::int4[]) as lane"
	lockShared    = "select pg_advisory_xact_lock_shared({oid}::int4, lane) from unnest($1::int4[]) as lane"
	lockSharedSQL = "select pg_advisory_xact_lock_shared({oid}::int4, lane) from unnest(string_to_array($1::text, ',')::int4[]) as lane"

	insertSchemas    = "insert into {schemas} (id, name, text) select * from unnest($1::bigint[], $2::text[], $3::text[]) on conflict do nothing"
	insertSchemasSQL = "insert into {schemas} (id, name, text) select id, name, text" +
		" from json_to_recordset($1::text::json) as r(id bigint, name text, text text) on conflict do nothing"

	insertColumns = "insert into {table} (topic, lane, event_id, event_type, minor_version, source, source_host, event_time, source_lib," +
		" content_type, key_schema, value_schema, traceparent, tracestate, key, value) select "
	insertRows = insertColumns + "* from unnest($1::text[], $2::int2[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[]," +
		" $8::timestamptz[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::bytea[], $16::bytea[])"
	// insertRow is insertRows for a single row, as most transactions have. The database and the client execute it faster.
	insertRow = insertColumns + "$1::text, $2::int2, $3::uuid, $4::text, $5::bigint, $6::text, $7::text, $8::timestamptz, $9::text, $10::text," +
		" $11::bigint, $12::bigint, $13::text, $14::text, $15::bytea, $16::bytea"
	insertRowsSQL = insertColumns + "topic, lane, event_id, event_type, minor_version, source, source_host, event_time, source_lib," +
		" content_type, key_schema, value_schema, traceparent, tracestate, decode(key, 'base64'), decode(value, 'base64')" +
		" from json_to_recordset($1::text::json) as r(topic text, lane int2, event_id uuid, event_type text, minor_version bigint," +
		" source text, source_host text, event_time timestamptz, source_lib text, content_type text, key_schema bigint," +
		" value_schema bigint, traceparent text, tracestate text, key text, value text)"
)

// sharedLane is the lane that writers lock with Config.Concurrent.
const sharedLane = outbox.Lanes

func newStatements(n names, concurrent bool) statements {
	s := statements{
		lock: n.sql(lockLanes), lockSQL: n.sql(lockLanesSQL),
		insertSchemas: n.sql(insertSchemas), insertSchemasSQL: n.sql(insertSchemasSQL),
		insert: n.sql(insertRows), insertRow: n.sql(insertRow), insertSQL: n.sql(insertRowsSQL),
		fetch: n.sql(fetchRows), fetchGaps: n.sql(fetchGaps), lane: n.sql(fetchLane), last: n.sql(lastSequence), writers: n.sql(openWriters),
		remaining: n.sql(rangesWithRows), delete: n.sql(deleteRows), record: n.sql(recordAttempts),
	}
	if concurrent {
		s.lock, s.lockSQL = n.sql(lockShared), n.sql(lockSharedSQL)
	}
	return s
}

// newRow is a row to insert. Its JSON form is that of insertRowsSQL.
type newRow struct {
	Topic        string          `json:"topic"`
	Lane         int16           `json:"lane"`
	EventID      signalcast.UUID `json:"event_id"`
	EventType    string          `json:"event_type"`
	MinorVersion int64           `json:"minor_version"`
	Source       string          `json:"source"`
	SourceHost   string          `json:"source_host"`
	EventTime    time.Time       `json:"event_time"`
	SourceLib    string          `json:"source_lib"`
	ContentType  string          `json:"content_type"`
	KeySchema    *int64          `json:"key_schema"`
	ValueSchema  *int64          `json:"value_schema"`
	TraceParent  *string         `json:"traceparent"`
	TraceState   *string         `json:"tracestate"`
	Key          []byte          `json:"key"` // nil for a keyless message
	Value        []byte          `json:"value"`
}

// write is what a transaction inserts.
type write struct {
	store   *Store
	rows    []newRow
	lanes   []int32     // to lock, in ascending order
	schemas []schemaRow // that the table may lack
}

// newWrite returns what a transaction with messages inserts, or nil without messages. It shares the keys and
// values of messages.
func (s *Store) newWrite(messages []*signalcast.Message) (*write, error) {
	if len(messages) == 0 {
		return nil, nil //nolint:nilnil // documented above
	}
	w := &write{store: s, rows: make([]newRow, len(messages))}
	for i, m := range messages {
		r := &w.rows[i]
		e := m.Event
		*r = newRow{
			Topic: m.Topic, Lane: int16(outbox.LaneOf(m)), //nolint:gosec // less than Lanes
			EventID: e.ID, EventType: e.EventType, MinorVersion: e.MinorVersion, Source: e.Source, SourceHost: e.SourceHost,
			EventTime: e.Time.UTC(), SourceLib: e.SourceLib, ContentType: e.ContentType,
			KeySchema: s.schemas.id(m.KeySchema, &w.schemas), ValueSchema: s.schemas.id(e.ValueSchema, &w.schemas),
			Key: m.Key, Value: e.Value,
		}
		if r.Value == nil {
			r.Value = []byte{} // the column is not nullable
		}
		if m.Trace != nil {
			r.TraceParent = &m.Trace.TraceParent
			if m.Trace.TraceState != "" {
				r.TraceState = &m.Trace.TraceState
			}
		}
		if err := r.check(); err != nil {
			return nil, err
		}
		if s.config.Concurrent {
			continue
		}
		if at, found := slices.BinarySearch(w.lanes, int32(r.Lane)); !found {
			w.lanes = slices.Insert(w.lanes, at, int32(r.Lane))
		}
	}
	if s.config.Concurrent {
		w.lanes = []int32{sharedLane}
	}
	return w, nil
}

// check reports text that PostgreSQL would reject, whose error would end the transaction and show the text.
func (r *newRow) check() error {
	for _, t := range []struct{ field, text string }{
		{"topic", r.Topic},
		{"event_type", r.EventType},
		{"source", r.Source},
		{"source_host", r.SourceHost},
		{"source_lib", r.SourceLib},
		{"content_type", r.ContentType},
		{"traceparent", deref(r.TraceParent)},
		{"tracestate", deref(r.TraceState)},
	} {
		if !utf8.ValidString(t.text) || strings.IndexByte(t.text, 0) >= 0 {
			return &TextError{Field: t.field}
		}
	}
	return nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// queue adds the statements that write the rows to a batch.
func (w *write) queue(b *pgx.Batch) {
	b.Queue(w.store.sql.lock, w.lanes)
	if len(w.schemas) > 0 {
		b.Queue(w.store.sql.insertSchemas, schemaArrays(w.schemas)...)
	}
	if len(w.rows) == 1 {
		b.Queue(w.store.sql.insertRow, w.rows[0].values()...)
		return
	}
	b.Queue(w.store.sql.insert, w.arrays()...)
}

// values returns the columns of the row.
func (r *newRow) values() []any {
	return []any{
		r.Topic, r.Lane,
		pgtype.UUID{Bytes: r.EventID, Valid: true},
		r.EventType, r.MinorVersion, r.Source, r.SourceHost, r.EventTime, r.SourceLib,
		r.ContentType, r.KeySchema, r.ValueSchema, r.TraceParent, r.TraceState, r.Key, r.Value,
	}
}

// arrays returns the columns of the rows.
func (w *write) arrays() []any {
	n := len(w.rows)
	topics, eventTypes, sources, hosts, libs, contentTypes := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	parents, states := make([]*string, n), make([]*string, n)
	lanes, ids, minors, times := make([]int16, n), make([]pgtype.UUID, n), make([]int64, n), make([]time.Time, n)
	keySchemas, valueSchemas := make([]*int64, n), make([]*int64, n)
	keys, values := make([][]byte, n), make([][]byte, n)
	for i := range w.rows {
		r := &w.rows[i]
		topics[i], eventTypes[i], sources[i], hosts[i], libs[i], contentTypes[i] = r.Topic, r.EventType, r.Source, r.SourceHost, r.SourceLib, r.ContentType
		parents[i], states[i] = r.TraceParent, r.TraceState
		lanes[i], ids[i], minors[i], times[i] = r.Lane, pgtype.UUID{Bytes: r.EventID, Valid: true}, r.MinorVersion, r.EventTime
		keySchemas[i], valueSchemas[i] = r.KeySchema, r.ValueSchema
		keys[i], values[i] = r.Key, r.Value
	}
	return []any{
		topics, lanes, ids, eventTypes, minors, sources, hosts, times, libs, contentTypes,
		keySchemas, valueSchemas, parents, states, keys, values,
	}
}
