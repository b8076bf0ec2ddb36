//go:build integration

package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// preload is a library that changes what servers see of their machine, by a number in a file.
type preload struct{ library, variable, control string }

// newPreload builds a library of the folder testdata. It skips the test if there is no C compiler. The variable names the file.
func newPreload(t *testing.T, source, variable string) preload {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skipf("found no cc (%v); want a C compiler for a library that servers preload", err)
	}
	p := preload{filepath.Join(t.TempDir(), "preload.so"), variable, filepath.Join(t.TempDir(), "number")}
	build := exec.CommandContext(t.Context(), compiler, "-shared", "-fPIC", "-O2", "-o", p.library, filepath.Join("testdata", source), "-ldl")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return p
}

// environ returns the environment of a server with the library.
func (p preload) environ() []string {
	return append(os.Environ(), "LD_PRELOAD="+p.library, p.variable+"="+p.control)
}

// set sets the number.
func (p preload) set(n int64) error {
	next := p.control + ".new"
	if err := os.WriteFile(next, strconv.AppendInt(nil, n, 10), 0o644); err != nil {
		return err
	}
	return os.Rename(next, p.control)
}

// reset removes the number, which is 0 then.
func (p preload) reset() error { return os.Remove(p.control) }
