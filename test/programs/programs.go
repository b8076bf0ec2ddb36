// Package programs starts the programs and servers that tests kill.
package programs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Program is a process that runs the binary of the test in another role.
type Program struct {
	t       *testing.T
	env     []string
	command *exec.Cmd
}

// Start starts the binary of the test with the given environment variables, besides those of the test. The program is killed at
// the end of the test.
func Start(t *testing.T, env ...string) *Program {
	t.Helper()
	p := &Program{t: t, env: append(os.Environ(), env...)} //nolint:forbidigo // for a program of the test
	must(t, p.start())
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	})
	return p
}

func (p *Program) start() error {
	p.command = exec.CommandContext(context.WithoutCancel(p.t.Context()), os.Args[0]) //nolint:gosec // the test itself
	p.command.Env, p.command.Stderr = p.env, os.Stderr
	return p.command.Start() //nolint:wrapcheck // the test reports it
}

// Replace kills the program with SIGKILL and starts another.
func (p *Program) Replace() error {
	if err := p.command.Process.Kill(); err != nil {
		return err //nolint:wrapcheck // the test reports it
	}
	_ = p.command.Wait()
	return p.start()
}

// Restart stops the program and starts another.
func (p *Program) Restart() error {
	p.Stop()
	return p.start()
}

// Suspend stops the program for a time with SIGSTOP.
func (p *Program) Suspend(wait time.Duration) error {
	if err := p.command.Process.Signal(syscall.SIGSTOP); err != nil {
		return err //nolint:wrapcheck // the test reports it
	}
	Pause(p.t.Context(), wait)
	return p.command.Process.Signal(syscall.SIGCONT) //nolint:wrapcheck // the test reports it
}

// Signal sends a signal to the program.
func (p *Program) Signal(signal os.Signal) error {
	return p.command.Process.Signal(signal) //nolint:wrapcheck // the test reports it
}

// Stop ends the program with SIGTERM. It requires that the program reports success.
func (p *Program) Stop() {
	p.t.Helper()
	must(p.t, p.command.Process.Signal(syscall.SIGTERM))
	err := p.command.Wait()
	if status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGTERM {
		return // it had just been started, and did not catch the signal yet
	}
	must(p.t, err)
}

// Server is a real server that a script of test/servers controls.
type Server struct{ script, dir string }

// StartServer starts a server with an empty data folder below .run, and stops it at the end of the test.
func StartServer(t *testing.T, script, name string, args ...string) *Server {
	t.Helper()
	s := &Server{filepath.Join("..", "servers", script), filepath.Join("..", "..", ".run", name)}
	_, err := s.run("stop") // an interrupted run may have left it running
	must(t, err)
	t.Cleanup(func() { _, _ = s.run("stop") })
	_, err = s.run(append([]string{"start", "--clean"}, args...)...)
	must(t, err)
	return s
}

func (s *Server) run(args ...string) (string, error) {
	command := exec.CommandContext(context.Background(), "bash", append([]string{s.script, "--dir", s.dir}, args...)...) //nolint:gosec // of the repository
	command.Stderr = os.Stderr
	out, err := command.Output()
	return string(out), err
}

// Env returns a variable that the script prints.
func (s *Server) Env(t *testing.T, name string) string {
	t.Helper()
	out, err := s.run("env")
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
	if _, err := s.run("kill9"); err != nil {
		return err
	}
	err := f()
	_, errStart := s.run("restart")
	return errors.Join(err, errStart)
}

// Suspend stops the server for a time with SIGSTOP.
func (s *Server) Suspend(wait time.Duration) error {
	text, err := s.run("pid")
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return err //nolint:wrapcheck // the test reports it
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err //nolint:wrapcheck // the test reports it
	}
	Pause(context.Background(), wait)
	return syscall.Kill(pid, syscall.SIGCONT) //nolint:wrapcheck // the test reports it
}

// Pause waits, or returns when ctx ends.
func Pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
