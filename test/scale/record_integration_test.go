//go:build integration

package scale_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/scale"
)

func filepathOf(name string) string { return filepath.FromSlash(name) }

func readMeasured(t *testing.T, file string) (m scale.Measured) {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return m
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

func writeMeasured(t *testing.T, file string, m scale.Measured) {
	t.Helper()
	text, err := json.MarshalIndent(m, "", "\t")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(text, '\n'), 0o644))
}

// writePage writes the page at a path below the top of the repository, and its picture beside it.
func writePage(t *testing.T, path string, m scale.Measured) {
	t.Helper()
	top := filepath.Join("..", "..")
	transactions, err := os.ReadFile(filepath.Join(top, "docs", "transactions.md"))
	require.NoError(t, err)
	page, err := scale.Page(m, transactions)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(top, path), page, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(top, strings.TrimSuffix(path, ".md")+".svg"), scale.Chart(m), 0o644))
}

// thisRun returns the commit, the time, the machine and the versions of what is measured.
func thisRun(t *testing.T) scale.Run {
	t.Helper()
	return scale.Run{
		Commit: output(t, "git", "rev-parse", "--short=12", "HEAD"), Date: time.Now().UTC().Format("2006-01-02 15:04 MST"),
		Processor: processor(t), Processors: runtime.NumCPU(), Versions: versions(t),
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

// versions returns the versions of servers and libraries.
func versions(t *testing.T) string {
	t.Helper()
	first := func(text, pattern string) string {
		match := regexp.MustCompile(pattern).FindStringSubmatch(text)
		require.NotNil(t, match, pattern)
		return match[1]
	}
	file := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", "servers", name))
		require.NoError(t, err)
		return string(text)
	}
	found := []string{
		runtime.GOOS + "/" + runtime.GOARCH, runtime.Version(),
		"Redis " + first(output(t, "redis-server", "--version"), `v=(\S+)`),
		"Kafka " + first(file("kafka/pom.xml"), `<kafka.version>(.*)</kafka.version>`),
		"Apicurio Registry " + first(file("registry.sh"), `(?m)^version=(\S+)`),
	}
	modules := output(t, "go", "list", "-m", "-f", "{{.Path}} {{.Version}}",
		"github.com/redis/go-redis/v9", "github.com/twmb/franz-go", "github.com/segmentio/kafka-go")
	for line := range strings.Lines(modules) {
		found = append(found, strings.TrimPrefix(strings.TrimSpace(line), "github.com/"))
	}
	return strings.Join(found, ", ")
}
