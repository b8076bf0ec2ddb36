package sqlite_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRowsOfAnotherProcessEndWait(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shop.db")
	store := newStore(t, openPragma(t, file, "journal_mode(WAL)"))
	require.NoError(t, store.Migrate(t.Context()))
	db := openPragma(t, file, "journal_mode(WAL)")
	other := newService(t, newStore(t, db), db)
	reader := store.NewReader()
	t.Cleanup(reader.Close)
	_, err := reader.Fetch(t.Context(), 10)
	require.NoError(t, err)
	require.NoError(t, other.placed.Send(t.Context(), other.registry, order{Number: "1"}))
	reader.Wait(t.Context())
	rows, err := reader.Fetch(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, rows, 1)

	require.NoError(t, other.Delete(t.Context(), []int64{rows[0].Sequence}))
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	reader.Wait(ctx)
	require.Error(t, ctx.Err(), "Wait is not ended by a change that brings no row")
}

func TestQueriesOfTheRelayUseIndexes(t *testing.T) {
	t.Parallel()
	_, db := open(t)
	for query, want := range map[string]string{
		"SELECT * FROM signalcast_outbox WHERE sequence > 1 AND parked_at IS NULL ORDER BY sequence LIMIT 1": "USING INTEGER PRIMARY KEY (rowid>?)",
		"SELECT * FROM signalcast_outbox WHERE lane = 1 AND topic = 'x' AND sequence > 1 ORDER BY sequence":  "USING INDEX signalcast_outbox_lane (lane=? AND rowid>?)",
		"SELECT count(*) FROM signalcast_outbox":                                                             "USING COVERING INDEX",
		"SELECT count(*) FROM signalcast_outbox WHERE parked_at IS NOT NULL":                                 "INDEX signalcast_outbox_parked",
		"DELETE FROM signalcast_outbox WHERE sequence IN (SELECT value FROM json_each('[1]'))":               "USING INTEGER PRIMARY KEY (rowid=?)",
	} {
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
		require.NoError(t, err)
		plan := ""
		var planSb49 strings.Builder
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			planSb49.WriteString(detail + "\n")
		}
		plan += planSb49.String()
		require.NoError(t, rows.Close())
		require.Contains(t, plan, want, query)
		require.NotContains(t, plan, "TEMP B-TREE", query)
	}
}
