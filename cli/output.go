package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/signalcast/signalcast"
)

// choice is one of a few words that a flag accepts.
type choice string

const (
	formatText choice = "text"
	formatJSON choice = "json"

	colorAuto   choice = "auto"
	colorAlways choice = "always"
	colorNever  choice = "never"
)

// choiceFlag is the value of a flag that accepts the given words.
type choiceFlag struct {
	*choice

	words []string
}

// addChoice adds a flag that sets *c to one of words.
func addChoice(command *cobra.Command, flags *pflag.FlagSet, c *choice, name, usage string, words ...string) {
	flags.Var(choiceFlag{c, words}, name, usage)
	_ = command.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func (c choiceFlag) String() string {
	if c.choice == nil { // pflag compares with the zero value
		return ""
	}
	return string(*c.choice)
}

func (c choiceFlag) Type() string { return strings.Join(c.words, "|") }

func (c choiceFlag) Set(text string) error {
	if !slices.Contains(c.words, text) {
		return errors.New("unknown word") // flagError lists the allowed ones
	}
	*c.choice = choice(text)
	return nil
}

// output is the destination and the form of the output.
type output struct {
	*bufio.Writer
	format, color choice
	colored       bool
}

func (s *session) useColor() bool {
	if s.color != colorAuto {
		return s.color == colorAlways
	}
	file, isFile := s.Stdout.(*os.File)
	return isFile && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(file.Fd()))
}

// style is the color of a text on a terminal.
type style string

const (
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

func (o *output) paint(s style, text string) string {
	if !o.colored {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

func (o *output) printf(format string, args ...any) { fmt.Fprintf(o, format, args...) }

// table writes rows in columns.
func (o *output) table(rows [][]string) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // writing to a Builder does not fail
	for line := range strings.Lines(text.String()) {
		o.printf("%s\n", strings.TrimRight(line, " \n"))
	}
}

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// writeJSONLine writes v as one line.
func writeJSONLine(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// place is a position in the text of a layer.
type place struct {
	Layer  string `json:"layer,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

func placeOf(o signalcast.Setting) place { return place{o.Layer, o.Line, o.Column} }

func (p place) String() string {
	if p.Line == 0 {
		return p.Layer
	}
	return fmt.Sprintf("%s:%d", p.Layer, p.Line)
}

// problem is the JSON form of a signalcast.Problem.
type problem struct {
	place

	EventType string `json:"event_type,omitempty"`
	Topic     string `json:"topic,omitempty"`
	Field     string `json:"field,omitempty"`
	Code      string `json:"code,omitempty"`
	Found     string `json:"found"`
	Want      string `json:"want,omitempty"`
	Nearest   string `json:"nearest,omitempty"`
}

func problemsOf(problems []signalcast.Problem) []problem {
	list := make([]problem, len(problems))
	for i, p := range problems {
		list[i] = problem{place{p.Layer, p.Line, p.Column}, p.EventType, p.Topic, p.Field, string(p.Code), p.Found, p.Want, p.Nearest}
	}
	return list
}
