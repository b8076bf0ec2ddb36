//go:build integration

package scale_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/programs"
)

// server is a real server whose processor time is measured.
type server struct {
	*programs.Server

	pid int
}

// startServer starts a server with options of its script. The server stops when the test ends.
func startServer(t *testing.T, script, name string, options ...string) *server {
	t.Helper()
	s := newServer(t, script, name)
	require.NoError(t, s.start(options...))
	return s
}

// newServer returns a server that is not started.
func newServer(t *testing.T, script, name string) *server {
	t.Helper()
	return &server{Server: programs.NewServer(t, script, "scale/"+name, nil)}
}

func (s *server) start(options ...string) error {
	started := make(chan struct{})
	var prioritising sync.WaitGroup
	prioritising.Go(func() { s.prioritise(started) })
	_, err := s.Run(append([]string{"start", "--clean"}, options...)...)
	close(started)
	prioritising.Wait()
	return err
}

// prioritise finds the process of the server and gives it priority while the server starts, as soon as it exists.
func (s *server) prioritise(started <-chan struct{}) {
	for ended := false; !ended; {
		select {
		case <-started:
			ended = true
		case <-time.After(100 * time.Millisecond):
		}
		text, _ := os.ReadFile(filepath.Join(s.Dir, "pid"))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			s.pid = pid
			prioritise(pid)
		}
	}
}

// processorTime returns the processor time of a process, in seconds.
func processorTime(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), ") ") // behind the name of the program
	fields := strings.Fields(rest)
	const utime, stime, ticks = 14 - 3, 15 - 3, 100 // a second has 100 ticks on Linux
	sum := 0.0
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseFloat(fields[i], 64)
		require.NoError(t, err)
		sum += n
	}
	return sum / ticks
}
