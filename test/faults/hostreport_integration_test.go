//go:build integration

package faults_test

import (
	"bytes"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
)

//go:embed hosts.md.tmpl
var hostTableText string

//go:embed says.md.tmpl
var saysTableText string

// The cells of a row, besides those of result.

func (r hostResult) Client() string    { return r.client }
func (r hostResult) Before() string    { return r.before.String() }
func (r hostResult) During() string    { return r.during.String() }
func (r hostResult) Recovered() string { return r.recovered.Round(10 * time.Millisecond).String() }

func (r hostResult) Again() string             { return r.ofConsumer(r.handled.Duplicates) }
func (r hostResult) HandledOutOfOrder() string { return r.ofConsumer(r.handled.OutOfOrder) }

func (r hostResult) ofConsumer(n int) string {
	if !r.consumes {
		return "–"
	}
	return strconv.Itoa(n)
}

const (
	hostSection = "\n## Several hosts\n"
	tableHead   = "\n### "
)

// hostTables returns the tables about several hosts in a page, and the index at which they begin.
func hostTables(page string) (tables string, begin int) {
	section := strings.Index(page, hostSection) + len(hostSection)
	rest := page[section:]
	end := strings.Index(rest, "\n## ")
	first := strings.Index(rest[:end], tableHead)
	if first < 0 {
		first = end
	}
	return rest[first:end], section + first
}

// writeHostTable writes one table about several hosts into a page.
func writeHostTable(t *testing.T, path string, group hostGroup, rows []hostResult) {
	t.Helper()
	text := hostTableText
	if group.says {
		text += saysTableText
	}
	writeHostText(t, path, group.table, text, map[string]any{"Rows": rows})
}

// writeHostText writes a text about several hosts into a page, in place of the one with the same name.
func writeHostText(t *testing.T, path, name, templateText string, data map[string]any) {
	t.Helper()
	commit, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--short", "HEAD").Output()
	require.NoError(t, err)
	load, err := os.ReadFile("/proc/loadavg")
	require.NoError(t, err)
	parsed, err := template.New("").Parse(templateText)
	require.NoError(t, err)
	var text bytes.Buffer
	data["Table"], data["Date"] = name, time.Now().UTC().Format(time.DateOnly)
	data["Commit"], data["Load"] = strings.TrimSpace(string(commit)), strings.Fields(string(load))[1]
	require.NoError(t, parsed.Execute(&text, data))
	path = filepath.Join("..", "..", path)
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	old, begin := hostTables(string(page))
	var tables []string
	for _, other := range strings.Split(old, tableHead)[1:] {
		if !strings.HasPrefix(other, name+"\n") {
			tables = append(tables, tableHead+strings.TrimRight(other, "\n")+"\n")
		}
	}
	tables = append(tables, "\n"+strings.TrimRight(text.String(), "\n")+"\n")
	changed := string(page[:begin]) + strings.Join(tables, "") + string(page[begin+len(old):])
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o644))
}
