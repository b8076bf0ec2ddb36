//go:build integration

package faults_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// server is a real server that a script of test/servers starts and stops.
type server struct {
	script, dir string
}

// startServer starts one with the options of its script. It ends with the test.
func startServer(t *testing.T, script, name string, options ...string) *server {
	t.Helper()
	s := newServer(t, script, name)
	_, err := s.run(append([]string{"start", "--clean"}, options...)...)
	require.NoError(t, err)
	return s
}

// newServer returns one that is not started yet.
func newServer(t *testing.T, script, name string) *server {
	t.Helper()
	s := &server{script: filepath.Join("..", "servers", script), dir: filepath.Join("..", "..", ".run", "faults", name)}
	_, err := s.run("stop") // of a run that was interrupted
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = s.resume() // unless it is down
		_, _ = s.run("stop")
	})
	return s
}

func (s *server) run(args ...string) (output string, err error) {
	args = append([]string{s.script, "--dir", s.dir}, args...)
	out, err := exec.CommandContext(context.Background(), "bash", args...).Output()
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output wraps nothing
		err = fmt.Errorf("%v: %w: %s", args, err, exit.Stderr)
	}
	return string(out), err
}

// env returns a value of the script's env.
func (s *server) env(t *testing.T, name string) string {
	t.Helper()
	out, err := s.run("env")
	require.NoError(t, err)
	for line := range strings.Lines(out) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key == name {
			return value
		}
	}
	require.FailNow(t, "no "+name, out)
	return ""
}

// kill ends the server without giving it time for anything.
func (s *server) kill() error {
	_, err := s.run("kill9")
	return err
}

// restart starts the server again with what it has stored.
func (s *server) restart() error {
	_, err := s.run("restart")
	return err
}

// suspend makes the server stand still, resume ends that.
func (s *server) suspend() error { return s.signal(syscall.SIGSTOP) }
func (s *server) resume() error  { return s.signal(syscall.SIGCONT) }

func (s *server) signal(signal syscall.Signal) error {
	text, err := s.run("pid")
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	return syscall.Kill(pid, signal)
}

// freePort returns a port that is free, and whose successor is: a Kafka's controller takes it.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port := l.Addr().(*net.TCPAddr).Port
		next, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1)))
		_ = l.Close()
		if err == nil {
			_ = next.Close()
			return port
		}
	}
}
