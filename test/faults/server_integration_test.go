//go:build integration

package faults_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/hosts"
	"github.com/signalcast/signalcast/test/programs"
)

// server is a real server, on the host of the test or on a host of its own.
type server struct {
	*programs.Server

	host hosts.Host // zero on the host of the test
}

// startServer starts a server with options of its script. The server stops when the test ends.
func startServer(t testing.TB, script, name string, options ...string) *server {
	t.Helper()
	s := newServer(t, script, name)
	_, err := s.Run(append([]string{"start", "--clean"}, options...)...)
	require.NoError(t, err)
	return s
}

// newServer returns a server that is not started.
func newServer(t testing.TB, script, name string) *server {
	t.Helper()
	return &server{Server: programs.NewServer(t, script, "faults/"+name, nil)}
}

// newHostServer returns a server on a host of its own that is not started.
func newHostServer(t testing.TB, h hosts.Host, script string) *server {
	t.Helper()
	return &server{programs.NewServer(t, script, "faults/hosts-"+h.Name, h.Command), h}
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
