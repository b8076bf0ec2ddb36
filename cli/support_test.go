package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/openedx"
)

// program is the command over the event types of Open edX.
type program struct{ cli.Command }

func newProgram(t *testing.T) program {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(openedx.Signals()...))
	return program{cli.Command{
		Registry:    registry,
		Unsupported: map[string]string{"org.example.unsendable.v1": "it holds an open file"},
	}}
}

type result struct {
	code        int
	out, errors string
}

func (p program) run(args ...string) result {
	var out, errors strings.Builder
	p.Stdout, p.Stderr = &out, &errors
	if p.Stdin == nil {
		p.Stdin = strings.NewReader("")
	}
	code := p.Run(context.Background(), args)
	return result{code, out.String(), errors.String()}
}

// fine runs a command that must succeed without errors, and returns its output.
func (p program) fine(t *testing.T, args ...string) string {
	t.Helper()
	r := p.run(args...)
	require.Empty(t, r.errors)
	require.Equal(t, cli.ExitFine, r.code)
	return r.out
}

// write creates a file and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}
