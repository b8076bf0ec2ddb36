package repo_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/backendtest"
)

func TestGuaranteesNameConformanceCasesThatExist(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, c := range backendtest.Cases(backendtest.Harness{MaxMessageBytes: 1, RejectedTopics: []string{"refused"}}) {
		known[c.Name] = true
	}
	_, section, found := strings.Cut(read(t, "docs/guarantees.md"), "| guarantee | cases |\n")
	require.True(t, found)
	table, _, _ := strings.Cut(section, "\n\n")
	named := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[2], -1) {
			named++
			require.True(t, known[name[1]], "docs/guarantees.md names the case %q, which does not exist", name[1])
		}
	}
	require.Greater(t, named, 20)
}
