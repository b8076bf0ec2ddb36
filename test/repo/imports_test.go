package repo_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/signalcast/signalcast"

// dependencies returns the packages outside the standard library that the given
// packages depend on, the packages themselves included.
func dependencies(t *testing.T, packages ...string) []string {
	t.Helper()
	args := []string{"list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}"}
	for _, p := range packages {
		args = append(args, module+p)
	}
	list := exec.CommandContext(t.Context(), "go", args...)
	list.Stderr = t.Output()
	out, err := list.Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.NotEmpty(t, deps)
	return deps
}

func TestRootPackageImportsStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	for _, dep := range dependencies(t, "") {
		require.True(t, dep == module || strings.HasPrefix(dep, module+"/internal/"), "the root package depends on %s", dep)
	}
}

// A program that imports these packages needs no other module.
func TestPackagesWithoutClientImportThisModuleOnly(t *testing.T) {
	t.Parallel()
	for _, dep := range dependencies(t, "/backends/backendkit", "/backends/backendtest", "/backends/memory", "/asyncapi", "/compat", "/configschema", "/openedx/...", "/signalcasttest") {
		require.True(t, dep == module || strings.HasPrefix(dep, module+"/"), "a package without a client library depends on %s", dep)
	}
}
