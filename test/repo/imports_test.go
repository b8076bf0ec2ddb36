package repo_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRootPackageImportsStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	const module = "github.com/signalcast/signalcast"
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module)
	list.Stderr = t.Output()
	out, err := list.Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, module)
	for _, dep := range deps {
		require.True(t, dep == module || strings.HasPrefix(dep, module+"/internal/"), "the root package depends on %s", dep)
	}
}
