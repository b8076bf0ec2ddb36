//go:build integration

package faults_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/hosts"
)

// server is a real server, controlled by a script of test/servers.
type server struct {
	script, dir string
	host        *hosts.Host // nil means that of the test
	environ     []string    // nil means that of the test
}

// startServer starts a server with options of its script. The server stops when the test ends.
func startServer(t testing.TB, script, name string, options ...string) *server {
	t.Helper()
	return startServerOn(t, nil, script, name, options...)
}

// startServerOn starts a server on a host. The server stops when the test ends.
func startServerOn(t testing.TB, host *hosts.Host, script, name string, options ...string) *server {
	t.Helper()
	s := newServerOn(t, host, script, name)
	_, err := s.run(append([]string{"start", "--clean"}, options...)...)
	require.NoError(t, err)
	return s
}

// newServer returns a server that is not started.
func newServer(t testing.TB, script, name string) *server {
	t.Helper()
	return newServerOn(t, nil, script, name)
}

// newServerOn returns a server of a host that is not started.
func newServerOn(t testing.TB, host *hosts.Host, script, name string) *server {
	t.Helper()
	s := &server{filepath.Join("..", "servers", script), filepath.Join("..", "..", ".run", "faults", name), host, nil}
	_, err := s.run("stop") // an interrupted run may have left it running
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = s.resume() // fails if the server is down
		_, _ = s.run("stop")
	})
	return s
}

func (s *server) run(args ...string) (output string, err error) {
	args = append([]string{"bash", s.script, "--dir", s.dir}, args...)
	command := exec.CommandContext(context.Background(), args[0], args[1:]...)
	if s.host != nil {
		command = s.host.Command(context.Background(), args...)
	}
	command.Env = s.environ
	out, err := command.Output()
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output wraps nothing
		err = fmt.Errorf("%v: %w: %s", args, err, exit.Stderr)
	}
	return string(out), err
}

// env returns a variable that the command env of the script prints.
func (s *server) env(t testing.TB, name string) string {
	t.Helper()
	out, err := s.run("env")
	require.NoError(t, err)
	for line := range strings.Lines(out) {
		if key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key == name {
			return value
		}
	}
	require.FailNow(t, "no variable "+name, out)
	return ""
}

// kill kills the server with SIGKILL.
func (s *server) kill() error {
	_, err := s.run("kill9")
	return err
}

// restart starts the server again with its data.
func (s *server) restart() error {
	_, err := s.run("restart")
	return err
}

// suspend stops the server with SIGSTOP; resume continues it.
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
