//go:build integration

package scale_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/programs"
	"github.com/signalcast/signalcast/test/scale"
)

func writeMeasured(t *testing.T, m scale.Measured) {
	t.Helper()
	text, err := json.MarshalIndent(m, "", "\t")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(measuredFile, append(text, '\n'), 0o644))
}

// writePage writes the page at a path below the top of the repository, and its picture beside it.
func writePage(t *testing.T, path string, m scale.Measured) {
	t.Helper()
	page, picture := pageAndPicture(t, m)
	path = filepath.Join("..", "..", path)
	require.NoError(t, os.WriteFile(path, page, 0o644))
	require.NoError(t, os.WriteFile(strings.TrimSuffix(path, ".md")+".svg", picture, 0o644))
}

// thisRun returns the commit, the time, the machine and the versions of a measurement.
func thisRun(t *testing.T) scale.Run {
	t.Helper()
	return scale.Run{
		Commit: output(t, "git", "rev-parse", "--short=12", "HEAD"), Date: time.Now().UTC().Format("2006-01-02 15:04 MST"),
		Processor: processor(t), Processors: runtime.NumCPU(), Versions: programs.Versions(t, "Redis", "Kafka", "Apicurio Registry"),
	}
}

func output(t *testing.T, command ...string) string {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), command[0], command[1:]...).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(text))
}

func processor(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/cpuinfo")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`).FindSubmatch(text)
	require.NotNil(t, found)
	return string(found[1])
}
