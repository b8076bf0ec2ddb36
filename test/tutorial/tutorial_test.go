// Package tutorial_test runs docs/tutorial.md: it writes the files of the page into an empty folder, applies its changes, and runs its
// commands, in the order of the page.
package tutorial_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the output of the commands into docs/tutorial.md")

const (
	page = "../../docs/tutorial.md"
	// address is the one of the service on the page. The test replaces it by a free one.
	address = "127.0.0.1:8080"
)

var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

func TestTutorialRunsAsItIsWritten(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	folder := newFolder(t)
	got := fence.ReplaceAllStringFunc(string(text), func(block string) string {
		parts := fence.FindStringSubmatch(block)
		switch kind, body := parts[1], parts[2]; kind {
		case "console":
			body = folder.run(t, body)
			if !*update {
				require.Equal(t, parts[2], body)
			}
			return "```console\n" + body + "```"
		case "diff":
			folder.change(t, body)
		default:
			folder.write(t, body)
		}
		return block
	})
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(got), 0o600))
	}
}

// folder is where the reader works.
type folder struct {
	dir  string
	free string // the address that stands for address
	env  []string
	// replace has the commands of the page that get a module from the network, and what the test runs instead.
	replace *strings.Replacer
}

func newFolder(t *testing.T) *folder {
	t.Helper()
	checkout, err := filepath.Abs("../..")
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &folder{dir: t.TempDir(), free: listener.Addr().String()}
	require.NoError(t, listener.Close())

	bin := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", asCurl, self)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "curl"), []byte(script), 0o700))
	f.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "GOWORK=off",
		"GOFLAGS=-ldflags=-w", "GOGC=400", // the linker needs most of the time
		"BUS=", "EVENT_BUS_PRODUCER_CONFIG=", "EVENT_BUS_TOPIC_PREFIX=", "SIGNALCAST_UPDATE_SCHEMAS=", "NO_COLOR=1")

	const module = "github.com/signalcast/signalcast"
	f.replace = strings.NewReplacer(
		"go get "+module+"@latest", fmt.Sprintf("go mod edit -replace=%s='%s' -require=%[1]s@v0.0.0", module, checkout),
		// The other modules have the versions of the example.
		"go mod tidy", fmt.Sprintf("go mod edit %s && cat '%s' >>go.sum && go mod tidy >tidy.txt 2>&1 || cat tidy.txt",
			requirements(t, filepath.Join(checkout, "examples/service/go.mod")), filepath.Join(checkout, "examples/service/go.sum")),
	)
	return f
}

// requirements returns the requirements of a go.mod file as flags of "go mod edit".
func requirements(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var flags strings.Builder
	for _, match := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`).FindAllStringSubmatch(string(text), -1) {
		fmt.Fprintf(&flags, " -require=%s@%s", match[1], match[2])
	}
	return flags.String()
}

// separator ends the output of each command.
const separator = "\x1e"

// run runs the commands of a block in one shell, and returns the block with their output.
func (f *folder) run(t *testing.T, block string) string {
	t.Helper()
	var commands []string
	script := strings.Builder{}
	script.WriteString("exec 2>&1\n")
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, line)
			command = strings.ReplaceAll(f.replace.Replace(command), address, f.free)
			fmt.Fprintf(&script, "%sprintf '%s'\n", command, separator)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "sh", "-c", script.String())
	shell.Dir, shell.Env, shell.WaitDelay = f.dir, f.env, 10*time.Second
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that a service in the background ends with it
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGKILL) }
	out, err := shell.Output()
	require.NoError(t, err, "%s", out)
	outputs := strings.Split(normal(strings.ReplaceAll(string(out), f.free, address)), separator)
	require.Len(t, outputs, len(commands)+1)
	var b strings.Builder
	for i, command := range commands {
		b.WriteString(command + outputs[i])
		if outputs[i] != "" && !strings.HasSuffix(outputs[i], "\n") {
			b.WriteString("\n")
		}
	}
	return b.String()
}

// varying are the parts of an output that differ between two runs, and what the page has instead.
var varying = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`\btime=\S+`), "time=2026-01-02T03:04:05.678Z"},
	{regexp.MustCompile(`(?m)\t(\(cached\)|\d+\.\d+s)$`), "\t0.123s"},
	{regexp.MustCompile(`\(\d+\.\d+s\)`), "(0.01s)"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "019b7c8e-3a00-7000-8000-000000000001"},
	{regexp.MustCompile(`\bholder=\S+`), "holder=…"},
	{regexp.MustCompile(`\bduration=\S+`), "duration=1.2ms"},
}

func normal(output string) string {
	for _, v := range varying {
		output = v.pattern.ReplaceAllString(output, v.text)
	}
	return output
}

// write writes a block to the file that its first line names.
func (f *folder) write(t *testing.T, block string) {
	t.Helper()
	match := regexp.MustCompile(`^(?://|#) (\S+)\n`).FindStringSubmatch(block)
	require.NotNil(t, match, "found a block without a file; want its name in the first line: %s", block)
	name := filepath.Join(f.dir, match[1])
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(strings.ReplaceAll(block, address, f.free)), 0o600))
}

// change applies a block to the file that its first line names. Each part of the block, between two lines "@@", has lines that stand
// once in the file, one after the other.
func (f *folder) change(t *testing.T, block string) {
	t.Helper()
	first, parts, _ := strings.Cut(block, "\n")
	name := filepath.Join(f.dir, strings.TrimPrefix(first, "--- "))
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	file := string(text)
	for part := range strings.SplitSeq(parts, "@@\n") {
		var before, after strings.Builder
		for line := range strings.Lines(part) {
			if line == "\n" {
				line = " \n" // editors remove the space
			}
			require.Contains(t, "-+ ", line[:1], "want a line that begins with -, + or a space")
			if line[0] != '+' {
				before.WriteString(line[1:])
			}
			if line[0] != '-' {
				after.WriteString(line[1:])
			}
		}
		require.Equal(t, 1, strings.Count(file, before.String()), "%s has not once:\n%s", name, before.String())
		file = strings.Replace(file, before.String(), after.String(), 1)
	}
	require.NoError(t, os.WriteFile(name, []byte(file), 0o600))
}
