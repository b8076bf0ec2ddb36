//go:build integration

package postgres_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
)

// variety returns messages with every kind of field.
func variety() []*signalcast.Message {
	key, value := &signalcast.Schema{Name: "string", Text: `"string"`}, &signalcast.Schema{Name: "org.Ünï", Text: `{"a": "b'\""}`}
	full := message("orders.üñí", "k\x00\xff", "v\x00\xfe'\\")
	full.KeySchema, full.Event.ValueSchema = key, value
	full.Trace = &signalcast.TraceContext{TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState: "a=b"}
	full.Event.MinorVersion = 7
	keyless := message("orders", "", "")
	keyless.Key, keyless.Event.Value, keyless.Event.SourceHost = nil, []byte{}, ""
	keyless.Trace = &signalcast.TraceContext{TraceParent: "00-1"}
	emptyKey := message("orders", "", "x")
	emptyKey.Event.Time = time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)
	late := message("o'r\"d{},ers", "NULL", "NULL")
	late.Event.Time = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
	late.Event.ValueSchema = value
	return []*signalcast.Message{full, keyless, emptyKey, late}
}

// requireRows checks that rows have the messages and what the store adds.
func requireRows(t *testing.T, want []*signalcast.Message, rows []outbox.Row) {
	t.Helper()
	require.Len(t, rows, len(want))
	for i, row := range rows {
		require.NoError(t, row.Err)
		require.Equal(t, want[i], row.Message)
		require.Equal(t, outbox.LaneOf(want[i]), row.Lane)
		require.WithinDuration(t, time.Now(), row.StoredAt, patience)
		require.Zero(t, row.Attempts)
		require.Empty(t, row.LastError)
		require.Zero(t, row.ParkedAt)
	}
}

func TestRowsCarryWholeMessagesInEveryQueryMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		for _, concurrent := range []bool{false, true} {
			t.Run(mode.String()+strconv.FormatBool(concurrent), func(t *testing.T) {
				t.Parallel()
				s := newStore(t, func(c *postgres.Config) {
					c.Concurrent = concurrent
					c.Pool = newPool(t, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode })
				})
				r := newReader(t, s)
				messages := variety()
				require.NoError(t, s.Insert(t.Context(), messages))
				rows := fetch(t, r, 3)
				rest := fetch(t, r, 3)
				requireRows(t, messages, append(rows, rest...))
				require.Same(t, rows[0].Message.Event.ValueSchema, rest[0].Message.Event.ValueSchema)
				require.Empty(t, fetch(t, r, 3))
				require.NoError(t, s.Insert(t.Context(), messages), "the schemas are known")
				requireRows(t, messages, fetch(t, r, 10))
				requireRows(t, messages[:1], laneOf(t, r, rows[0], rows[0].Sequence-1, 1))
				requireRows(t, messages[:1], laneOf(t, r, rows[0], rest[0].Sequence, 5))

				lease, err := s.Acquire(t.Context(), "relay", time.Minute)
				require.NoError(t, err)
				require.NoError(t, s.Record(t.Context(), lease, []outbox.Attempt{{Sequence: rows[0].Sequence, Attempts: 2, Err: "a\x00b", Park: true}}))
				parked, err := s.List(t.Context(), outbox.Filter{Topic: messages[0].Topic, EventType: messages[0].Event.EventType, Limit: 5})
				require.NoError(t, err)
				require.Len(t, parked, 1)
				require.Equal(t, "a\uFFFDb", parked[0].LastError)
				n, err := s.Retry(t.Context(), outbox.Filter{})
				require.NoError(t, err)
				require.Equal(t, 1, n)
				requireRows(t, messages[:1], fetch(t, r, 10))
				require.NoError(t, s.Delete(t.Context(), sequences(rows)))
				n, err = s.Drop(t.Context(), outbox.Filter{Pending: true})
				require.NoError(t, err)
				require.Equal(t, 4+2, n)
			})
		}
	}
}

func laneOf(t *testing.T, r outbox.Reader, row outbox.Row, after int64, limit int) []outbox.Row {
	t.Helper()
	rows, err := r.FetchLane(t.Context(), row.Message.Topic, row.Lane, after, limit)
	require.NoError(t, err)
	return rows
}

func TestRowsOfOneTransactionAreInTheOrderOfSending(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var messages []*signalcast.Message
	var want []string
	for i := range signalcast.MaxUnitMessages {
		want = append(want, strconv.Itoa(i))
		messages = append(messages, message("orders", strconv.Itoa(i%7), want[i]))
	}
	require.NoError(t, s.Insert(t.Context(), messages))
	require.Equal(t, want, values(fetch(t, newReader(t, s), len(want)+1)))
}

func TestStoreRejectsTextThatPostgreSQLCannotHold(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for field, change := range map[string]func(m *signalcast.Message){
		"source":      func(m *signalcast.Message) { m.Event.Source = "a\x00b" },
		"traceparent": func(m *signalcast.Message) { m.Trace = &signalcast.TraceContext{TraceParent: "\xff"} },
	} {
		m := message("orders", "k", "v")
		change(m)
		err := s.Insert(t.Context(), []*signalcast.Message{message("orders", "k", "v"), m})
		var text *postgres.TextError
		require.ErrorAs(t, err, &text)
		require.Equal(t, field, text.Field)
	}
	require.Empty(t, list(t, s))
}

func TestStoreOfNothingDoesNothing(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	require.NoError(t, s.Insert(t.Context(), nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Insert(ctx, []*signalcast.Message{message("a", "b", "c")}), context.Canceled)
	require.Empty(t, list(t, s))
}

func TestRowWithoutItsSchemaHasAnErrorAndOthersGoOn(t *testing.T) {
	t.Parallel()
	pool, table := newPool(t), tableName()
	s := newStore(t, func(c *postgres.Config) { c.Pool, c.Table = pool, table })
	bad, good := message("orders", "k", "bad"), message("orders", "k", "good")
	bad.Event.ValueSchema = &signalcast.Schema{Name: "gone", Text: "gone"}
	require.NoError(t, s.Insert(t.Context(), []*signalcast.Message{bad, good}))
	exec(t, pool, "delete from "+table+"_schemas")
	rows := fetch(t, newReader(t, s), 10)
	require.Len(t, rows, 2)
	var missing *postgres.MissingSchemaError
	require.ErrorAs(t, rows[0].Err, &missing)
	require.Nil(t, rows[0].Message)
	require.NoError(t, rows[1].Err)
	require.Equal(t, "good", string(rows[1].Message.Event.Value))
}

func TestClosedPoolIsAnError(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	s := newStore(t, func(c *postgres.Config) { c.Pool = pool })
	r := newReader(t, s)
	pool.Close()
	require.ErrorContains(t, s.Insert(t.Context(), []*signalcast.Message{message("a", "b", "c")}), "closed pool")
	require.ErrorContains(t, s.InTx(t.Context(), func(context.Context, pgx.Tx) error { return nil }), "closed pool")
	require.ErrorContains(t, s.Prepare(t.Context(), nil), "closed pool")
	require.ErrorContains(t, s.Delete(t.Context(), []int64{1}), "closed pool")
	_, err := r.Fetch(t.Context(), 1)
	require.ErrorContains(t, err, "closed pool")
}

func TestMissingTablesAreASchemaError(t *testing.T) {
	t.Parallel()
	s, err := postgres.New(postgres.Config{Pool: newPool(t), Table: tableName()})
	require.NoError(t, err)
	defer s.Close()
	_, fetched := s.NewReader().Fetch(t.Context(), 1)
	for _, err := range []error{s.Prepare(t.Context(), nil), s.Insert(t.Context(), []*signalcast.Message{message("a", "b", "c")}), fetched} {
		var missing *outbox.SchemaError
		require.ErrorAs(t, err, &missing)
		require.Zero(t, missing.Found)
		require.NotErrorIs(t, err, signalcast.ErrCommitUnknown)
		var server *pgconn.PgError
		require.ErrorAs(t, err, &server)
	}
}
