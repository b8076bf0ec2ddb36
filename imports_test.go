package signalcast_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheCoreImportsTheStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	list.Stderr = t.Output()
	out, err := list.Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, "github.com/signalcast/signalcast")
	for _, dep := range deps {
		require.True(t, dep == "github.com/signalcast/signalcast" || strings.HasPrefix(dep, "github.com/signalcast/signalcast/internal/"),
			"the core depends on %s", dep)
	}
}
