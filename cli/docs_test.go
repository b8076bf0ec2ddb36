package cli_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shownCommand is a command as its help shows it.
type shownCommand struct {
	path     string // without the name of the program
	flags    []string
	commands []shownCommand
}

var (
	flagLine    = regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)`)
	commandLine = regexp.MustCompile(`(?m)^  ([a-z-]+) `)
)

// readHelp returns the tree of commands below a path. It leaves out help and completion, which come with cobra.
func readHelp(t *testing.T, path ...string) shownCommand {
	t.Helper()
	text := newProgram(t).fine(t, append(path, "--help")...)
	c := shownCommand{path: strings.Join(path, " ")}
	_, flags, _ := strings.Cut(text, "\nFlags:\n")
	flags, _, _ = strings.Cut(flags, "\nGlobal Flags:\n")
	for _, m := range flagLine.FindAllStringSubmatch(flags, -1) {
		if m[1] != "--help" || path == nil {
			c.flags = append(c.flags, m[1])
		}
	}
	_, commands, _ := strings.Cut(text, "\nAvailable Commands:\n")
	commands, _, _ = strings.Cut(commands, "\n\n")
	for _, m := range commandLine.FindAllStringSubmatch(commands, -1) {
		if m[1] != "help" && m[1] != "completion" {
			c.commands = append(c.commands, readHelp(t, append(path[:len(path):len(path)], m[1])...))
		}
	}
	return c
}

// named returns the names in a text that a pattern finds.
func named(pattern, text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		names[m[1]] = true
	}
	return names
}

// The page has a section for each command. The section names its flags and the commands below it. The text before
// the sections names the flags that several commands share.
func TestPageNamesEachCommandAndFlagOfTheHelp(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/cli.md")
	require.NoError(t, err)
	page := string(text)
	const flagName, commandName = `(--[a-z][a-z-]*)`, `(?m)(?:^\$ |\| |` + "`" + `)signalcast ([a-z][a-z-]*)`
	parts := strings.Split(page, "\n## ")
	sections := map[string]string{}
	for _, part := range parts[1:] {
		title, section, _ := strings.Cut(part, "\n")
		sections[title] = section
	}
	root, shared := readHelp(t), named(flagName, parts[0])
	var missing []string
	flags, commands := map[string]bool{}, map[string]bool{"completion": true}
	var visit func(c shownCommand, section string)
	visit = func(c shownCommand, section string) {
		commands[c.path] = true
		for _, flag := range c.flags {
			flags[flag] = true
			if !shared[flag] && !named(flagName, section)[flag] {
				missing = append(missing, c.path+" "+flag)
			}
		}
		for _, below := range c.commands {
			if !named("`("+c.path+" [a-z]+)", section)[below.path] {
				missing = append(missing, below.path)
			}
			visit(below, section)
		}
	}
	require.NotEmpty(t, root.commands)
	for _, c := range root.commands {
		if !strings.Contains(parts[0], "["+c.path+"](#"+c.path+")") {
			missing = append(missing, c.path)
		}
		visit(c, sections[c.path])
	}
	root.commands = nil
	visit(root, "")
	require.Empty(t, missing, "docs/cli.md does not name what the help shows")

	var unknown []string
	for name := range named(flagName, page) {
		if !flags[name] {
			unknown = append(unknown, name)
		}
	}
	for name := range named(commandName, page) {
		if !commands[name] {
			unknown = append(unknown, name)
		}
	}
	for name := range named("`((?:deadletter|outbox) [a-z]+)", page) {
		if !commands[name] {
			unknown = append(unknown, name)
		}
	}
	require.Empty(t, unknown, "docs/cli.md names what the help does not show")
}
