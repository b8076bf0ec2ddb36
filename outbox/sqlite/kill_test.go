package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// writerVariable holds the database file, the name and the first number of a process that writes.
const writerVariable = "SIGNALCAST_TEST_WRITER"

// runWriter is the process that TestKilledWritersLoseNothing kills. It writes the numbers of committed
// transactions.
func runWriter(t *testing.T, args []string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(args[0], "journal_mode(WAL)"))
	require.NoError(t, err)
	s := newService(t, newStore(t, db), db)
	first, err := strconv.Atoi(args[2])
	require.NoError(t, err)
	for n := first; ; n++ {
		number := fmt.Sprint(args[1], "-", n)
		err := s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			if _, err := s.place(ctx, tx, number); err != nil {
				return err
			}
			if n%3 == 0 {
				return errStock
			}
			return nil
		})
		if errors.Is(err, errStock) {
			continue
		}
		require.NoError(t, err)
		if _, err := fmt.Fprintln(os.Stdout, "committed", number); err != nil {
			return // the other process has ended
		}
	}
}

func TestKilledWritersLoseNothing(t *testing.T) {
	t.Parallel()
	if args := strings.Fields(os.Getenv(writerVariable)); len(args) > 0 {
		runWriter(t, args)
		return
	}
	const rounds, writers = 10, 2
	file := filepath.Join(t.TempDir(), "shop.db")
	db := openPragma(t, file, "journal_mode(WAL)")
	store := newStore(t, db)
	require.NoError(t, store.Migrate(t.Context()))
	s := newService(t, store, db)

	committed := map[string]bool{}
	for round := range rounds {
		results := make(chan []string, writers)
		for w := range writers {
			writer := startWriter(t, file, fmt.Sprint("writer", w), round*10_000)
			go func() { results <- writer.killAfter(1 + rand.IntN(30)) }()
		}
		for range writers {
			for _, number := range <-results {
				committed[number] = true
			}
		}
	}
	require.GreaterOrEqual(t, len(committed), rounds*writers)

	orders, events := s.numbers(t), s.keys(t)
	require.Equal(t, orders, events, "each committed order has an event, and no other")
	last := map[string]int{}
	for _, number := range orders {
		delete(committed, number)
		writer, digits, _ := strings.Cut(number, "-")
		n, err := strconv.Atoi(digits)
		require.NoError(t, err)
		require.NotZero(t, n%3, "order %s was rolled back", number)
		require.Greater(t, n, last[writer], "order %s of %s follows a later one", number, writer)
		last[writer] = n
	}
	require.Empty(t, committed, "transactions that were reported as committed")
	var integrity string
	require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&integrity))
	require.Equal(t, "ok", integrity)
	t.Logf("%d orders", len(orders))
}

// writer is a process that commits numbered orders.
type writer struct {
	command *exec.Cmd
	output  io.Reader
}

func startWriter(t *testing.T, file, name string, first int) *writer {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWritersLoseNothing$")
	command.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", writerVariable, file, name, first+1))
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	return &writer{command, output}
}

// killAfter kills the process, with SIGKILL, after n commits. It returns all numbers that the process reported.
func (w *writer) killAfter(n int) []string {
	var numbers []string
	lines := bufio.NewScanner(w.output)
	for lines.Scan() {
		number, ok := strings.CutPrefix(lines.Text(), "committed ")
		if !ok {
			continue
		}
		if numbers = append(numbers, number); len(numbers) == n {
			_ = w.command.Process.Kill()
		}
	}
	_ = w.command.Wait()
	return numbers
}
