//go:build integration

package faults_test

import (
	"context"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/hosts"
	"github.com/signalcast/signalcast/test/programs"
)

// server is a real server on the host of the test, or on one of its own.
type server struct {
	*programs.Server

	host *hosts.Host // nil means that of the test
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
	_, err := s.Run(append([]string{"start", "--clean"}, options...)...)
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
	var on func(context.Context, ...string) *exec.Cmd
	if host != nil {
		on = host.Command
	}
	return &server{programs.NewServer(t, script, "faults/"+name, on), host}
}

// kill kills the server with SIGKILL.
func (s *server) kill() error {
	_, err := s.Run("kill9")
	return err
}

// restart starts the server again with its data.
func (s *server) restart() error {
	_, err := s.Run("restart")
	return err
}

// suspend stops the server with SIGSTOP; resume continues it.
func (s *server) suspend() error { return s.Signal(syscall.SIGSTOP) }
func (s *server) resume() error  { return s.Signal(syscall.SIGCONT) }
