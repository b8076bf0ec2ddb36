package signalcast_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/security.md promises that nothing else is logged.
func TestEveryLogMessageIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/security.md")
	require.NoError(t, err)
	call := regexp.MustCompile(`\.(?:LogAttrs|(?:Debug|Info|Warn|Error)(?:Context)?)\([^"\n]*?"([^"]+)"`)
	found := 0
	var missing []string
	for _, dir := range []string{".", "backends", "internal"} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (dir == "." && path != "." || entry.Name() == "backendtest" || entry.Name() == "kafkatest"):
				return filepath.SkipDir // the root's own files, and nothing that is for tests
			case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			source, err := os.ReadFile(path)
			for _, logged := range call.FindAllStringSubmatch(string(source), -1) {
				if strings.Contains(logged[0], ".Error()") {
					continue
				}
				found++
				if !strings.Contains(string(page), " | "+logged[1]+" | ") {
					missing = append(missing, path+": "+logged[1])
				}
			}
			return err
		}))
	}
	require.Empty(t, missing)
	require.Greater(t, found, 5)
}
