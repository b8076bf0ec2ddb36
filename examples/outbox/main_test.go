package main

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
)

// childVariable makes the test binary run as the program, which is killed.
const childVariable = "SIGNALCAST_TEST_OUTBOX_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	_ = os.Setenv(childVariable, "1")
	os.Exit(m.Run())
}

const report = `created 15 enrolments; 5 transactions were rolled back
enrolments in the database: 15
published: 15, of them again: 0
lost: 0
of rolled-back transactions: 0
out of order: 0
`

func TestEveryEnrolmentIsPublished(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), nil, &out))
	require.Equal(t, report, out.String())
}

func TestRedisGetsTheEvents(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-redis", "redis://" + server.Addr()}, &out))
	require.Equal(t, report, out.String())
}

func TestNothingIsLostIfTheProgramIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-dir", dir, "-kill", "5"}, &out))
	require.Contains(t, out.String(), "killed 5 times\n")
	require.Contains(t, out.String(), "lost: 0\nof rolled-back transactions: 0\nout of order: 0\n")

	require.NoError(t, os.Truncate(dir+"/enrollments.jsonl", 0))
	s := settings{dir: dir}
	require.ErrorContains(t, s.compare(t.Context(), &out), "lost, 0 rolled-back and 0 disordered events; want none", "the comparison finds lost events")
}
