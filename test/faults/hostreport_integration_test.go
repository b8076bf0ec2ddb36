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
var hostTemplate string

//go:embed texts.md.tmpl
var textsTemplate string

// The cells of a row, besides those of result.

func (r hostResult) Client() string         { return r.client }
func (r hostResult) HealthyBefore() latency { return r.healthyBefore }
func (r hostResult) HealthyDuring() latency { return r.healthyDuring }
func (r hostResult) Recovered() string      { return r.recovered.Round(10 * time.Millisecond).String() }

func (r hostResult) HandledAgain() string      { return r.consumerCell(r.handled.Duplicates) }
func (r hostResult) HandledOutOfOrder() string { return r.consumerCell(r.handled.OutOfOrder) }

func (r hostResult) consumerCell(n int) string {
	if !r.consumed {
		return "–"
	}
	return strconv.Itoa(n)
}

const (
	hostsHeading   = "\n## Several hosts\n"
	sectionHeading = "\n### "
)

// hostSections returns the sections of a page below hostsHeading, and the index at which they begin.
func hostSections(page string) (sections string, begin int) {
	text := strings.Index(page, hostsHeading) + len(hostsHeading)
	rest := page[text:]
	end := strings.Index(rest, "\n## ")
	first := strings.Index(rest[:end], sectionHeading)
	if first < 0 {
		first = end
	}
	return rest[first:end], text + first
}

// writeGroup writes the section of a group into a page.
func writeGroup(t *testing.T, path string, group hostGroup, rows []hostResult) {
	t.Helper()
	text := hostTemplate
	if group.texts {
		text += textsTemplate
	}
	writeHostSection(t, path, group.heading, text, map[string]any{"Rows": rows})
}

// writeHostSection writes a section below hostsHeading into a page, in place of the section with the same heading.
func writeHostSection(t *testing.T, path, heading, templateText string, data map[string]any) {
	t.Helper()
	commit, err := exec.CommandContext(t.Context(), "git", "rev-parse", "--short", "HEAD").Output()
	require.NoError(t, err)
	load, err := os.ReadFile("/proc/loadavg")
	require.NoError(t, err)
	parsed, err := template.New("").Parse(templateText)
	require.NoError(t, err)
	var text bytes.Buffer
	data["Heading"], data["Date"] = heading, time.Now().UTC().Format(time.DateOnly)
	data["Commit"], data["Load"] = strings.TrimSpace(string(commit)), strings.Fields(string(load))[1]
	require.NoError(t, parsed.Execute(&text, data))
	path = filepath.Join("..", "..", path)
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	old, begin := hostSections(string(page))
	var sections []string
	for _, other := range strings.Split(old, sectionHeading)[1:] {
		if !strings.HasPrefix(other, heading+"\n") {
			sections = append(sections, sectionHeading+strings.TrimRight(other, "\n")+"\n")
		}
	}
	sections = append(sections, "\n"+strings.TrimRight(text.String(), "\n")+"\n")
	changed := string(page[:begin]) + strings.Join(sections, "") + string(page[begin+len(old):])
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o644))
}
