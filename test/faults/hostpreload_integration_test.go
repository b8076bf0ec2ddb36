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

// preload is a library that a server preloads. It replaces functions of the C library, whose effect depends on a number in a file.
type preload struct{ library, file string }

// newPreload builds a library from a source file in testdata. It skips the test if there is no C compiler.
func newPreload(t *testing.T, source string) preload {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skipf("found no cc (%v); want a C compiler for a library that servers preload", err)
	}
	p := preload{filepath.Join(t.TempDir(), "preload.so"), filepath.Join(t.TempDir(), "number")}
	build := exec.CommandContext(t.Context(), compiler, "-shared", "-fPIC", "-O2", "-o", p.library, filepath.Join("testdata", source), "-ldl")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return p
}

// environ returns the environment of a server that preloads the library.
func (p preload) environ() []string {
	return append(os.Environ(), "LD_PRELOAD="+p.library, "SIGNALCAST_TEST_NUMBER="+p.file)
}

// set sets the number.
func (p preload) set(n int64) error {
	next := p.file + ".new"
	if err := os.WriteFile(next, strconv.AppendInt(nil, n, 10), 0o644); err != nil {
		return err
	}
	return os.Rename(next, p.file)
}

// reset sets the number to 0.
func (p preload) reset() error { return os.Remove(p.file) }
