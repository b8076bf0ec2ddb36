package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
)

// Exit codes of [Command.Run].
const (
	ExitFine     = 0 // no problems
	ExitProblems = 1 // problems, or a failure of the command
	ExitUsage    = 2 // invalid arguments
)

// defaultName is the name of the command for the event types of Open edX.
const defaultName = "signalcast"

// Command is the operators' command over the signals of one registry.
type Command struct {
	// Name is the name of the program in its help and errors. Empty means "signalcast", the command
	// for the event types of Open edX.
	Name string
	// Registry holds the signals that the command knows. It must have no dispatcher: the
	// subcommands attach one while they run.
	Registry *signalcast.Registry
	// Defaults is the configuration that the argument "defaults:" stands for, usually the
	// one that the service declares in its code. Nil means that the program declares none.
	Defaults signalcast.ProducerConfig
	// WrongKeys maps an event type to the invalid key path that the platform declares for it: its data
	// has no such field. lint warns of a configuration with this path.
	WrongKeys map[string]string
	// Unsupported maps an event type that cannot be registered to the reason.
	Unsupported map[string]string

	// Stdin, Stdout and Stderr default to those of the process.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs the command and returns its exit code: [ExitFine], [ExitProblems] or
// [ExitUsage]. args does not include the name of the program. Run must not be called
// concurrently.
func (c Command) Run(ctx context.Context, args []string) int {
	c.Name = cmp.Or(c.Name, defaultName)
	if c.Stdin == nil {
		c.Stdin = os.Stdin
	}
	if c.Stdout == nil {
		c.Stdout = os.Stdout
	}
	if c.Stderr == nil {
		c.Stderr = os.Stderr
	}
	c.Stderr = &escapeWriter{w: c.Stderr}
	s := &session{Command: c, output: output{Writer: bufio.NewWriter(&escapeWriter{w: c.Stdout}), format: formatText, color: colorAuto}}
	root := s.root()
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	requireCommands(root)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if unwritten := s.Flush(); err == nil && unwritten != nil {
		err = failure{unwritten}
	}
	return s.exit(command, err)
}

// session is one call of Run.
type session struct {
	Command
	output
}

func (s *session) root() *cobra.Command {
	root := &cobra.Command{
		Use:   s.Name,
		Short: "Check event bus configurations, send events, and operate outboxes and consumers",
		Long: `Check event bus configurations, send events, and operate outboxes and consumers.

A CONFIG is one of

  FILE.json FILE.yaml FILE.toml   a file
  env:NAME                        an environment variable that holds JSON
  defaults:                       the configuration that the program declares

A later CONFIG overrides an earlier one.

Exit codes: 0 no problems, 1 problems or a failure, 2 invalid arguments.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.Version = signalcast.Version()
	root.SetVersionTemplate("signalcast {{.Version}}\n")
	root.SetIn(s.Stdin)
	root.SetOut(s.Writer)
	root.SetErr(s.Stderr)
	flags := root.PersistentFlags()
	addChoice(root, flags, &s.format, "format", "the form of the output", "text", "json")
	addChoice(root, flags, &s.color, "color", "when to use colors; auto means on a terminal", "auto", "always", "never")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		s.lint(), s.merge(), s.diff(), s.convert(), s.catalog(), s.schema(), s.explain(), s.send(), s.relay(), s.outbox(),
		s.tail(), s.lag(), s.replay(), s.deadLetter(), s.compat(), s.configSchema(), s.asyncAPI(),
	)
	return root
}

// withAction sets the function f that a command runs. An error of f is a failure of the command, unless
// it is a usageError. An error before f runs is a usage error.
func (s *session) withAction(command *cobra.Command, f func(ctx context.Context, args []string) error) *cobra.Command {
	command.DisableFlagsInUseLine = true
	command.PreRunE = requireFlags
	command.RunE = func(command *cobra.Command, args []string) error {
		s.colored = s.useColor()
		err := f(command.Context(), args)
		if usage := (usageError{}); errors.As(err, &usage) {
			return describeFiles(usage.error)
		}
		if err == nil {
			return nil
		}
		return failure{err}
	}
	return command
}

// failure is an error of a command whose arguments are valid.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// usageError is an invalid argument that the action of a command finds.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

// errProblems means that the output lists problems.
var errProblems = errors.New("problems")

// exit writes the error of a command and returns the exit code.
func (s *session) exit(command *cobra.Command, err error) int {
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
		if _, unread := errors.AsType[unreadableError](err); !unread && s.format != formatJSON {
			fmt.Fprintf(s.Stderr, "see %s --help\n", command.CommandPath())
		}
		return ExitUsage
	}
}

// reportError writes an error with its problems and hints.
func (s *session) reportError(err error) {
	var hints []string
	if hinted, ok := errors.AsType[*hintedError](err); ok {
		hints = hinted.hints
	} else if _, unreachable := errors.AsType[*net.OpError](err); unreachable {
		hints = []string{"check the address in the URL, and that the server runs and can be reached from here"}
	}
	if s.format == formatJSON {
		report := struct {
			Error    string    `json:"error"`
			Problems []problem `json:"problems,omitempty"`
			Hints    []string  `json:"hints,omitempty"`
		}{Error: err.Error(), Hints: hints}
		if invalid, ok := errors.AsType[*signalcast.ValidationError](err); ok {
			report.Problems = problemsOf(invalid.Problems)
		}
		_ = writeJSON(s.Stderr, report)
		return
	}
	fmt.Fprintf(s.Stderr, "%s: %v\n", s.Name, err)
	for _, hint := range hints {
		fmt.Fprintf(s.Stderr, "hint %s\n", hint)
	}
}
