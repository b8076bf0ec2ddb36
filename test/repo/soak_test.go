package repo_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A new text of the template must not wait for the next long run.
func TestSoakPageHasTheTextOfItsTemplate(t *testing.T) {
	t.Parallel()
	page, template := read(t, "docs/soak.md"), read(t, "test/soak/soak.md.tmpl")
	head, _, found := strings.Cut(template, "{{if ")
	require.True(t, found)
	tail := template[strings.LastIndex(template, "{{end}}")+len("{{end}}"):]
	for _, text := range regexp.MustCompile(`{{[^}]*}}`).Split(head+"{{}}"+tail, -1) {
		require.Contains(t, page, text)
	}
}
