package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
)

// Exit codes of [Command.Run].
const (
	ExitFine     = 0 // nothing is wrong
	ExitProblems = 1 // problems were found, or something failed
	ExitUsage    = 2 // the command was called in a wrong way
)

// Command is the operators' command over the signals of one registry.
type Command struct {
	// Name is the program's name in help texts. Empty means "signalcast".
	Name string
	// Registry holds the signals that the command knows. It has no dispatcher
	// attached; send and explain attach one for as long as they run.
	Registry *signalcast.Registry
	// Defaults is the configuration that the source "defaults:" stands for,
	// mostly what the service declares in its code. Nil means that there is none.
	Defaults signalcast.ProducerConfig
	// WrongKeys are key paths that are declared for event types elsewhere and do
	// not work, so that lint can say that the mistake is not the operator's.
	WrongKeys map[string]string
	// Unsupported are event types that are not in the registry because nobody
	// can send them, and why.
	Unsupported map[string]string

	// Stdin, Stdout and Stderr are those of the process where they are nil.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs the command with its arguments, the program's name not among them,
// and returns the exit code: [ExitFine], [ExitProblems] or [ExitUsage].
// It may be called again, but not while it runs.
func (c Command) Run(ctx context.Context, args []string) int {
	c.Name = cmp.Or(c.Name, "signalcast")
	if c.Stdin == nil {
		c.Stdin = os.Stdin
	}
	if c.Stdout == nil {
		c.Stdout = os.Stdout
	}
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	s := &session{Command: c, output: output{Writer: bufio.NewWriter(c.Stdout), format: formatText, color: colorAuto}}
	root := s.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if unwritten := s.Flush(); err == nil && unwritten != nil {
		err = failure{unwritten}
	}
	return s.exit(err)
}

// session is one run of the command.
type session struct {
	Command
	output
}

func (s *session) root() *cobra.Command {
	root := &cobra.Command{
		Use:   s.Name,
		Short: "Check and explain what an event bus configuration does, and send events",
		Long: `Check and explain what an event bus configuration does, and send events.

A CONFIG is one of

  FILE.json FILE.yaml FILE.toml   a file
  env:NAME                        an environment variable that holds JSON
  defaults:                       what the program itself declares

and of several, later ones override earlier ones.

Exit codes: 0 fine, 1 problems were found or something failed, 2 wrong usage.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Version = signalcast.Version()
	root.SetVersionTemplate("signalcast {{.Version}}\n")
	root.SetIn(s.Stdin)
	root.SetOut(s.Writer)
	root.SetErr(s.Stderr)
	flags := root.PersistentFlags()
	flags.Var(&s.format, "format", "text, or json for one JSON document")
	flags.Var(&s.color, "color", "auto (on a terminal), always or never")
	for _, flag := range []struct {
		name   string
		choice *choice
	}{{"format", &s.format}, {"color", &s.color}} {
		_ = root.RegisterFlagCompletionFunc(flag.name, cobra.FixedCompletions(flag.choice.allowed(), cobra.ShellCompDirectiveNoFileComp))
	}
	root.AddCommand(
		s.lint(), s.merge(), s.diff(), s.convert(), s.catalog(), s.schema(), s.explain(), s.send(),
	)
	return root
}

// does makes f what a command does. Errors of f are failures; all other errors
// of the command are wrong usage.
func (s *session) does(command *cobra.Command, f func(ctx context.Context, args []string) error) *cobra.Command {
	command.DisableFlagsInUseLine = true
	command.RunE = func(command *cobra.Command, args []string) error {
		s.colored = s.useColor()
		err := f(command.Context(), args)
		if usage := (usageError{}); err == nil || errors.As(err, &usage) {
			return err
		}
		return failure{err}
	}
	return command
}

// failure is an error of a command that was called in the right way.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// usageError is a wrong usage that only the command itself can see.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// errProblems says that there are problems and that they were written.
var errProblems = errors.New("there are problems")

// exit reports the error of a run.
func (s *session) exit(err error) int {
	var failed failure
	switch {
	case err == nil:
		return ExitFine
	case errors.Is(err, errProblems):
		return ExitProblems
	case errors.As(err, &failed):
		s.reportError(err)
		return ExitProblems
	default:
		s.reportError(err)
		if s.format != formatJSON {
			fmt.Fprintf(s.Stderr, "%s --help says more\n", s.Name)
		}
		return ExitUsage
	}
}

// reportError writes an error, with its problems where it has some.
func (s *session) reportError(err error) {
	if s.format == formatJSON {
		report := struct {
			Error    string    `json:"error"`
			Problems []problem `json:"problems,omitempty"`
		}{Error: err.Error()}
		if invalid, ok := errors.AsType[*signalcast.ValidationError](err); ok {
			report.Problems = problemsOf(invalid.Problems)
		}
		_ = writeJSON(s.Stderr, report)
		return
	}
	fmt.Fprintf(s.Stderr, "%s: %v\n", s.Name, err)
}
