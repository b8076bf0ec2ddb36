package repo_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A new text of the template must not wait for the next run of the fault suite.
func TestFaultsPageHasTheTextOfItsTemplate(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/faults.md")
	head, rest, found := strings.Cut(read(t, "test/faults/faults.md.tmpl"), "{{range .Tables}}")
	require.True(t, found)
	_, tail, found := strings.Cut(rest, "{{end}}{{end}}")
	require.True(t, found)
	for _, text := range regexp.MustCompile(`{{[^}]*}}`).Split(head+"{{}}"+tail, -1) {
		require.Contains(t, page, text)
	}
}
