//go:build integration

package soak_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/soak"
)

// openJournal opens the pipe that all services write their journal into, and records its lines in their order. It returns the name of
// the pipe.
func (s *run) openJournal() string {
	pipe := filepath.Join(s.t.TempDir(), "journal")
	require.NoError(s.t, syscall.Mkfifo(pipe, 0o600))
	journal, err := os.OpenFile(pipe, os.O_RDWR, 0) // open for writing too, so that it does not end when the services do
	require.NoError(s.t, err)
	kept, err := os.Create(filepath.Join(s.folder, "journal.txt"))
	require.NoError(s.t, err)
	copied := bufio.NewWriterSize(kept, 1<<20)
	ended := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(journal)
		for lines.Scan() && lines.Text() != "end" {
			now := time.Now()
			_, _ = copied.WriteString(now.UTC().Format("15:04:05.000000 ") + lines.Text() + "\n") // Flush returns the error
			s.record(now, lines.Text())
		}
		ended <- lines.Err()
	}()
	s.closeJournal = func() error {
		_, err := io.WriteString(journal, "end\n")
		require.NoError(s.t, err)
		err = <-ended
		require.NoError(s.t, copied.Flush())
		require.NoError(s.t, kept.Close())
		require.NoError(s.t, journal.Close())
		return err
	}
	return pipe
}

// record records a line of the journal.
func (s *run) record(now time.Time, line string) {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case problemVerb:
		s.ledger.Report(now, rest)
	case sampleVerb:
		s.mu.Lock()
		defer s.mu.Unlock()
		name, numbers, _ := strings.Cut(rest, " ")
		s.seen[name] = now
		var sample soak.Sample
		var c counters
		if _, err := fmt.Sscan(numbers, &sample.Heap, &sample.Goroutines, &sample.Files, &sample.RSS, &c.reloads, &c.switches); err != nil {
			s.ledger.Report(now, fmt.Sprintf("%q: %v", line, err))
		}
		s.counters[name] = c
		if name == "a" {
			sample.At, sample.Handled = now.Sub(s.began), int64(s.ledger.Counts().Handled)
			s.samples = append(s.samples, sample)
		}
	default:
		s.ledger.Record(now, line)
	}
}
