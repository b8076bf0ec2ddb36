package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/outbox/postgres"
)

func TestNewRejectsInvalidFields(t *testing.T) {
	t.Parallel()
	_, err := postgres.New(postgres.Config{})
	require.EqualError(t, err, "postgres: Pool: found nil; want a pool")
	pool, err := pgxpool.New(t.Context(), "postgres://127.0.0.1:1/none")
	require.NoError(t, err)
	defer pool.Close()
	for _, name := range []string{"a b", `a"b`, "a'b", "a.b.c", ".a", "a.", "1a", "ä", "a;", "a{table}", strings.Repeat("a", 49), "a\x00"} {
		_, err := postgres.New(postgres.Config{Pool: pool, Table: name})
		var invalid *postgres.ConfigError
		require.ErrorAs(t, err, &invalid, name)
		require.Equal(t, "Table", invalid.Field)
	}
	for _, name := range []string{"", "a", "A_1", "app.outbox", strings.Repeat("a", 48)} {
		s, err := postgres.New(postgres.Config{Pool: pool, Table: name, Notify: true})
		require.NoError(t, err, name)
		s.Close()
	}
}

func TestMigrationsNameTheTable(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://127.0.0.1:1/none")
	require.NoError(t, err)
	defer pool.Close()
	s, err := postgres.New(postgres.Config{Pool: pool, Table: "app.Events"})
	require.NoError(t, err)
	text := strings.Join(s.Migrations(), "\n")
	for _, part := range []string{
		`create table if not exists "app"."Events_version"`, `create table "app"."Events" (`, `create index "Events_lane" on "app"."Events"`,
		`insert into "app"."Events_version" (version) values (1);`,
	} {
		require.Contains(t, text, part)
	}
	require.NotContains(t, text, "{")
	require.NotContains(t, text, "$")
}
