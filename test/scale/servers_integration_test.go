//go:build integration

package scale_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// server is a real server, controlled by a script of test/servers.
type server struct {
	script, dir string
	pid         int
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
	s := &server{script: filepath.Join("..", "servers", script), dir: filepath.Join("..", "..", ".run", "scale", name)}
	_, err := s.run("stop") // an interrupted run may have left it running
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = s.run("stop") })
	return s
}

func (s *server) start(options ...string) error {
	started := make(chan struct{})
	var prioritising sync.WaitGroup
	prioritising.Go(func() { s.prioritise(started) })
	_, err := s.run(append([]string{"start", "--clean"}, options...)...)
	close(started)
	prioritising.Wait()
	return err
}

// prioritise finds the process of the server and prioritises it, as soon as possible, until it is started.
func (s *server) prioritise(started <-chan struct{}) {
	for ended := false; !ended; {
		select {
		case <-started:
			ended = true
		case <-time.After(100 * time.Millisecond):
		}
		text, _ := os.ReadFile(filepath.Join(s.dir, "pid"))
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			s.pid = pid
			prioritise(pid)
		}
	}
}

func (s *server) run(args ...string) (string, error) {
	command := exec.CommandContext(context.Background(), "bash", append([]string{s.script, "--dir", s.dir}, args...)...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	return string(out), err
}

// env returns a variable that the command env of the script prints.
func (s *server) env(t *testing.T, name string) string {
	t.Helper()
	out, err := s.run("env")
	require.NoError(t, err)
	for line := range strings.Lines(out) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key == name {
			return value
		}
	}
	require.FailNow(t, "no variable "+name)
	return ""
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
