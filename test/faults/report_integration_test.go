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
var reportTemplate string

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

func (o result) Problems() string { return problemsCell(o.problems) }

func problemsCell(problems []string) string {
	if len(problems) == 0 {
		return "–"
	}
	return "**" + strings.Join(problems, "; ") + "**"
}

// writeReport writes the page with the tables so far. It keeps the sections that TestHosts has written.
func writeReport(t *testing.T, path string, tables []table) {
	t.Helper()
	parsed, err := template.New("").Parse(reportTemplate)
	require.NoError(t, err)
	path = filepath.Join("..", "..", path)
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	hosts, _ := hostSections(string(page))
	var report bytes.Buffer
	require.NoError(t, parsed.Execute(&report, map[string]any{
		"Tables": tables, "Hosts": hosts, "Processors": runtime.NumCPU(), "Date": time.Now().UTC().Format(time.DateOnly),
		"Versions": programs.Versions(t, "Redis", "Kafka", "Apicurio Registry"), "Keys": keys,
		"Messages": bufferMessages, "BufferMiB": bufferBytes >> 20, "HeapMiB": heapLimit >> 20,
		"ReadTimeout": readTimeout, "DeliveryTimeout": delivery, "CloseDeadline": closeDeadline,
	}))
	require.NoError(t, os.WriteFile(path, report.Bytes(), 0o644))
}
