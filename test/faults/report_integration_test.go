//go:build integration

package faults_test

import (
	"bytes"
	_ "embed"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed faults.md.tmpl
var reportText string

// table is the part of the report about one target.
type table struct {
	Target  string
	Results []result
}

// The cells of a row, besides those of faults.Counts.

func (o result) Fault() string   { return o.fault }
func (o result) Rate() int       { return o.rate }
func (o result) Longest() string { return o.longest.Round(time.Millisecond).String() }
func (o result) Silent() string  { return o.silent.Round(10 * time.Millisecond).String() }
func (o result) Took() string    { return o.took.Round(100 * time.Millisecond).String() }
func (o result) Peak() uint64    { return o.peak >> 20 }

func (o result) Allowed() string {
	if o.allowed == math.MaxInt {
		return "any"
	}
	return strconv.Itoa(o.allowed)
}

func (o result) Problems() string {
	if len(o.problems) == 0 {
		return "–"
	}
	return "**" + strings.Join(o.problems, "; ") + "**"
}

// writeReport writes a report of the tables so far.
func writeReport(t *testing.T, path string, tables []table) {
	t.Helper()
	parsed, err := template.New("").Parse(reportText)
	require.NoError(t, err)
	path = filepath.Join("..", "..", path)
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	hosts, _ := hostTables(string(page)) // TestHosts writes them
	var report bytes.Buffer
	require.NoError(t, parsed.Execute(&report, map[string]any{
		"Tables": tables, "Hosts": hosts, "Processors": runtime.NumCPU(), "Date": time.Now().UTC().Format(time.DateOnly),
		"Versions": versions(t), "Keys": keys, "Messages": bufferMessages, "BufferMiB": bufferBytes >> 20, "HeapMiB": heapLimit >> 20,
		"ReadTimeout": readTimeout, "DeliveryTimeout": delivery, "CloseDeadline": closeDeadline,
	}))
	require.NoError(t, os.WriteFile(path, report.Bytes(), 0o644))
}

// versions returns the versions of servers and libraries.
func versions(t *testing.T) string {
	t.Helper()
	found := []string{runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
	first := func(text []byte, err error, pattern string) string {
		require.NoError(t, err)
		match := regexp.MustCompile(pattern).FindSubmatch(text)
		require.NotNil(t, match, pattern)
		return string(match[1])
	}
	text, err := exec.CommandContext(t.Context(), "redis-server", "--version").Output()
	found = append(found, "Redis "+first(text, err, `v=(\S+)`))
	text, err = os.ReadFile(filepath.Join("..", "servers", "kafka", "pom.xml"))
	found = append(found, "Kafka "+first(text, err, `<kafka.version>(.*)</kafka.version>`))
	text, err = os.ReadFile(filepath.Join("..", "servers", "registry.sh"))
	found = append(found, "Apicurio Registry "+first(text, err, `(?m)^version=(\S+)`))
	text, err = exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Path}} {{.Version}}",
		"github.com/redis/go-redis/v9", "github.com/twmb/franz-go", "github.com/segmentio/kafka-go").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		found = append(found, strings.TrimPrefix(strings.TrimSpace(line), "github.com/"))
	}
	return strings.Join(found, ", ")
}
