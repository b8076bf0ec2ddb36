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
	ExitFine     = 0 // no problem
	ExitProblems = 1 // problems were found, or the command failed
	ExitUsage    = 2 // invalid arguments
)

// Command is the operators' command over the signals of one registry.
type Command struct {
	// Name is the name of the program in help texts. Empty means "signalcast", the command
	// for the catalogue of Open edX.
	Name string
	// Registry holds the signals that the command knows. It must have no dispatcher: send
	// and explain attach one while they run.
	Registry *signalcast.Registry
	// Defaults is the configuration of the source "defaults:", usually the one that the
	// service declares in its code. Nil means that there is none.
	Defaults signalcast.ProducerConfig
	// WrongKeys are key paths, by event type, that another source declares and that do not
	// work. lint then says that the mistake is not the operator's.
	WrongKeys map[string]string
	// Unsupported are the reasons, by event type, why known event types are not in the registry.
	Unsupported map[string]string

	// Stdin, Stdout and Stderr are those of the process if nil.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs the command with its arguments, without the name of the program, and returns
// the exit code: [ExitFine], [ExitProblems] or [ExitUsage]. It must not be called
// concurrently.
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
	c.Stderr = &plainWriter{w: c.Stderr}
	s := &session{Command: c, output: output{Writer: bufio.NewWriter(&plainWriter{w: c.Stdout}), format: formatText, color: colorAuto}}
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

// catalogueOnly reports whether the command knows no signals of a service.
func (s *session) catalogueOnly() bool { return s.Name == "signalcast" }

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

// does makes f the action of a command. Errors of f are failures. All other errors of the
// command are usage errors.
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

// failure is an error of a command with valid arguments.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// usageError is an error of the arguments that cobra does not find.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// errProblems means that problems were found and written.
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
			fmt.Fprintf(s.Stderr, "see %s --help\n", s.Name)
		}
		return ExitUsage
	}
}

// reportError writes an error, and its problems if it has some.
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
