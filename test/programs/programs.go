// Package programs starts the programs and servers of tests, and stops, suspends and kills them.
package programs

import (
	"context"
	"os"
	"os/exec"
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

// Pause waits, or returns when ctx ends.
func Pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
