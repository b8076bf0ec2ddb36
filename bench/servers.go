package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// servers starts and stops real servers with the scripts of test/servers.
type servers struct {
	root    string // the folder of the repository
	started []string
}

// start starts an empty server and returns the variables that its script prints.
func (s *servers) start(ctx context.Context, name string, args ...string) (map[string]string, error) {
	if _, err := s.script(ctx, name, append([]string{"start", "--clean"}, args...)...); err != nil {
		return nil, err
	}
	s.started = append(s.started, name)
	text, err := s.script(ctx, name, "env")
	if err != nil {
		return nil, err
	}
	env := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok {
			env[key] = value
		}
	}
	return env, nil
}

// stop stops every started server. It prints errors on standard error.
func (s *servers) stop() {
	for _, name := range s.started {
		if _, err := s.script(context.Background(), name, "stop"); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	s.started = nil
}

func (s *servers) script(ctx context.Context, name string, args ...string) (string, error) {
	path := filepath.Join(s.root, "test", "servers", name+".sh")
	dir := filepath.Join(s.root, ".run", "bench", name)
	return output(exec.CommandContext(ctx, path, append([]string{"--dir", dir}, args...)...)) //nolint:gosec // scripts of the repository
}

func output(c *exec.Cmd) (string, error) {
	var trouble bytes.Buffer
	c.Stderr = &trouble
	text, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, trouble.Bytes())
	}
	return strings.TrimSpace(string(text)), nil
}
