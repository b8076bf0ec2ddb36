//go:build integration

package faults_test

import (
	"bytes"
	_ "embed"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/programs"
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
		"Versions": programs.Versions(t, "Redis", "Kafka", "Apicurio Registry"), "Keys": keys, "Messages": bufferMessages, "BufferMiB": bufferBytes >> 20, "HeapMiB": heapLimit >> 20,
		"ReadTimeout": readTimeout, "DeliveryTimeout": delivery, "CloseDeadline": closeDeadline,
	}))
	require.NoError(t, os.WriteFile(path, report.Bytes(), 0o644))
}
