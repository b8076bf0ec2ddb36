package filebackend_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/backendtest"
)

func guide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/writing-a-backend.md")
	require.NoError(t, err)
	return string(text)
}

func TestGuideQuotesTheCodeAsItIs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var sources strings.Builder
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		sources.Write(text)
	}
	quotes := strings.Split(guide(t), "```go\n")[1:]
	require.NotEmpty(t, quotes)
	for _, quote := range quotes {
		code, _, _ := strings.Cut(quote, "```")
		if !strings.Contains(sources.String(), code) {
			t.Errorf("no source contains this quote:\n%s", code)
		}
	}
}

func TestGuideListsTheRules(t *testing.T) {
	t.Parallel()
	cases := backendtest.Cases(backendtest.Harness{MaxMessageBytes: 1, RejectedTopics: []string{"rejected"}})
	var table strings.Builder
	for _, c := range cases {
		table.WriteString("| `" + c.Name + "` | " + c.Rule + " |\n")
	}
	if !strings.Contains(guide(t), table.String()) {
		t.Errorf("the guide does not contain this table:\n%s", table.String())
	}
}
