package repo_test

import (
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The diagram has every package of the library and of the command. An arrow is an
// import. An import between two packages is an arrow, or follows from several.
func TestArchitectureDiagramShowsTheImports(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/architecture.md")
	_, diagram, found := strings.Cut(page, "```mermaid\n")
	require.True(t, found)
	diagram, _, _ = strings.Cut(diagram, "```")

	packages := map[string]string{} // by node
	for _, node := range regexp.MustCompile(`(?m)^\s*(\w+)\["([\w/]+)"\]$`).FindAllStringSubmatch(diagram, -1) {
		packages[node[1]] = node[2]
	}
	arrows := map[string][]string{} // from package to packages
	for _, arrow := range regexp.MustCompile(`(?m)^\s*(\w+) --> (\w+)$`).FindAllStringSubmatch(diagram, -1) {
		from, to := packages[arrow[1]], packages[arrow[2]]
		require.NotEmpty(t, from, arrow[1])
		require.NotEmpty(t, to, arrow[2])
		arrows[from] = append(arrows[from], to)
	}
	require.NotEmpty(t, arrows)

	imports := moduleImports(t)
	drawn := slices.Collect(maps.Values(packages))
	for p := range imports {
		if inLibrary(p+"/") && !strings.HasPrefix(p, "openedx/") || strings.HasPrefix(p, "cli") || strings.HasPrefix(p, "cmd") {
			require.Contains(t, drawn, p, "the diagram does not have the package %s", p)
		}
	}
	for from, all := range arrows {
		for _, to := range all {
			require.Contains(t, imports[from], to, "the diagram shows that %s imports %s", from, to)
		}
	}
	for _, from := range drawn {
		require.Contains(t, imports, from, "the diagram has the package %s", from)
		for _, to := range imports[from] {
			require.True(t, !slices.Contains(drawn, to) || reachable(arrows, from, to), "the diagram does not show that %s imports %s", from, to)
		}
	}
}

// moduleImports returns the packages of the module that each package imports.
// Paths are relative to the module; the root package is "signalcast".
func moduleImports(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"/...")
	list.Stderr = t.Output()
	out, err := list.Output()
	require.NoError(t, err)
	relative := func(path string) string {
		if path == module {
			return "signalcast"
		}
		return strings.TrimPrefix(path, module+"/")
	}
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		paths := strings.Fields(line)
		from := relative(paths[0])
		imports[from] = nil
		for _, path := range paths[1:] {
			if path == module || strings.HasPrefix(path, module+"/") {
				imports[from] = append(imports[from], relative(path))
			}
		}
	}
	return imports
}

// reachable reports whether a path of arrows leads from one package to another.
func reachable(arrows map[string][]string, from, to string) bool {
	for _, next := range arrows[from] {
		if next == to || reachable(arrows, next, to) {
			return true
		}
	}
	return false
}
