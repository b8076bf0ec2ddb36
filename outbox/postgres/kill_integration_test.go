//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// ownServer controls a server of one test.
type ownServer struct{ dir string }

func startServer(t *testing.T) *ownServer {
	t.Helper()
	// Not t.TempDir, which the user of the server cannot enter.
	dir, err := filepath.Abs(filepath.Join("..", "..", ".run", "postgres-"+tableName()))
	require.NoError(t, err)
	s := &ownServer{dir}
	t.Cleanup(func() {
		s.run(t, "stop")
		require.NoError(t, os.RemoveAll(dir))
	})
	s.run(t, "start")
	return s
}

func (s *ownServer) run(t *testing.T, command string) string {
	t.Helper()
	script := filepath.Join("..", "..", "test", "servers", "postgres.sh")
	out, err := osexec.CommandContext(context.Background(), "bash", script, "--dir", s.dir, command).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.TrimSpace(string(out))
}

func TestKilledServerKeepsEveryCommittedRow(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	config, err := pgxpool.ParseConfig(server.run(t, "url"))
	require.NoError(t, err)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s := newShopOn(t, pool)
	r := newReader(t, s.store)
	sent := map[string]bool{} // false: the outcome is unknown
	read := map[string]bool{}
	for round := range int64(2) {
		stop, writing := make(chan struct{}), make(chan struct{})
		results := map[int64]error{}
		go func() {
			defer close(writing)
			for n := round * 1_000_000; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				err := s.store.InTx(context.Background(), func(ctx context.Context, _ pgx.Tx) error { return s.send(ctx, "ann", n) })
				if results[n] = err; err != nil {
					return
				}
			}
		}()
		for len(read) < 50*int(round+1) {
			rows, err := r.Fetch(t.Context(), 20)
			require.NoError(t, err)
			for _, text := range ordersOf(t, rows) {
				require.False(t, read[text])
				read[text] = true
			}
		}
		server.run(t, "kill")
		close(stop)
		<-writing
		for n, err := range results {
			if err == nil || errors.Is(err, signalcast.ErrCommitUnknown) {
				sent["ann "+strconv.FormatInt(n, 10)] = err == nil
			}
		}
		server.run(t, "restart")
		pool.Reset()
		eventually(t, func() bool { return pool.Ping(t.Context()) == nil })
	}
	for range 5 {
		for _, text := range ordersOf(t, fetch(t, r, 1_000_000)) {
			require.False(t, read[text])
			read[text] = true
		}
	}
	for text, known := range sent {
		require.True(t, !known || read[text], "%s is lost", text)
	}
	for text := range read {
		require.Contains(t, sent, text, "a phantom")
	}
}
