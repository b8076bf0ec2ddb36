package programs

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a real server that a script of test/servers controls.
type Server struct {
	// Dir is the folder with its data.
	Dir string
	// Environ is the environment of the script. Nil means that of the test.
	Environ []string

	script string
	host   func(context.Context, ...string) *exec.Cmd
}

// StartServer starts a server with an empty data folder below .run, and stops it at the end of the test.
func StartServer(t testing.TB, script, name string, args ...string) *Server {
	t.Helper()
	s := NewServer(t, script, name, nil)
	_, err := s.Run(append([]string{"start", "--clean"}, args...)...)
	must(t, err)
	return s
}

// NewServer returns a server that is not started. It is stopped at the end of the test. host, unless nil, returns a command that runs on
// the host of the server.
func NewServer(t testing.TB, script, name string, host func(context.Context, ...string) *exec.Cmd) *Server {
	t.Helper()
	s := &Server{Dir: filepath.Join("..", "..", ".run", name), script: filepath.Join("..", "servers", script), host: host}
	_, err := s.Run("stop") // an interrupted run may have left it running
	must(t, err)
	t.Cleanup(func() {
		_ = s.Signal(syscall.SIGCONT) // fails if the server is down
		_, _ = s.Run("stop")
	})
	return s
}

// Run runs a command of the script, and returns its output. The error has what the script wrote to its standard error.
func (s *Server) Run(args ...string) (output string, err error) {
	args = append([]string{"bash", s.script, "--dir", s.Dir}, args...)
	var command *exec.Cmd
	if s.host == nil {
		command = exec.CommandContext(context.Background(), args[0], args[1:]...) //nolint:gosec // of the repository
	} else {
		command = s.host(context.Background(), args...)
	}
	command.Env = s.Environ
	out, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%v: %w: %s", args, err, exit.Stderr)
	}
	return string(out), err
}

// Env returns a variable that the command env of the script prints.
func (s *Server) Env(t testing.TB, name string) string {
	t.Helper()
	out, err := s.Run("env")
	must(t, err)
	found := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("found no %s in %q", name, out)
	}
	return found[1]
}

// Kill kills the server with SIGKILL and starts it again.
func (s *Server) Kill(down time.Duration) error {
	return s.KillDuring(func() error {
		Pause(context.Background(), down)
		return nil
	})
}

// KillDuring kills the server with SIGKILL, calls f, and starts it again.
func (s *Server) KillDuring(f func() error) error {
	if _, err := s.Run("kill9"); err != nil {
		return err
	}
	err := f()
	_, errStart := s.Run("restart")
	return errors.Join(err, errStart)
}

// Suspend stops the server for a time with SIGSTOP.
func (s *Server) Suspend(wait time.Duration) error {
	if err := s.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	Pause(context.Background(), wait)
	return s.Signal(syscall.SIGCONT)
}

// Signal sends a signal to the server.
func (s *Server) Signal(signal syscall.Signal) error {
	text, err := s.Run("pid")
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return err //nolint:wrapcheck // the test reports it
	}
	return syscall.Kill(pid, signal) //nolint:wrapcheck // the test reports it
}
