package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/signalcast/signalcast/internal/nearest"
)

// arguments returns a check that the number of arguments is from least to most. want describes the arguments.
func arguments(least, most int, want string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			_, path, _ := strings.Cut(command.CommandPath(), " ")
			return fmt.Errorf("%s: found %s; want %s", path, count(len(args), "argument"), want)
		}
		return nil
	}
}

// requireCommands makes a command that has subcommands show its help, and reject an argument that is not the
// name of a subcommand. It does the same for the subcommands.
func requireCommands(command *cobra.Command) {
	if !command.HasSubCommands() {
		return
	}
	command.DisableFlagsInUseLine = true
	command.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
	command.Args = func(command *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, c := range command.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		return unknown(fmt.Sprintf("unknown command %q", args[0]), args[0], names)
	}
	for _, c := range command.Commands() {
		requireCommands(c)
		if c.Name() == "help" {
			c.Args = func(c *cobra.Command, args []string) error {
				about, rest, err := c.Root().Find(args)
				if err == nil && about.HasSubCommands() {
					err = about.ValidateArgs(rest)
				}
				return err
			}
		}
	}
}

// unknown returns an error that lists the known names, and suggests the one that is nearest to name.
func unknown(found, name string, known []string) error {
	err := fmt.Errorf("%s; want %s", found, alternatives(known))
	if near := nearest.Name(name, slices.Values(known)); near != "" {
		err = fmt.Errorf("%w (did you mean %q?)", err, near)
	}
	return err
}

// alternatives joins words with commas and "or".
func alternatives(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// requireFlags returns an error for each required flag without a value. It runs before the
// check of cobra, whose error does not describe the flags.
func requireFlags(command *cobra.Command, _ []string) error {
	var missing []error
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, required := flag.Annotations[cobra.BashCompOneRequiredFlag]; required && (!flag.Changed || flag.Value.String() == "") {
			missing = append(missing, fmt.Errorf("--%s: missing; want %s", flag.Name, wantOf(flag)))
		}
	})
	return errors.Join(missing...)
}

// flagError returns err with a description of the flag that does not exist, or whose value is missing or malformed.
func flagError(command *cobra.Command, err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s: found %q; want %s", invalid.GetFlag().Name, invalid.GetValue(), wantOf(invalid.GetFlag()))
	}
	if empty, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Errorf("--%s: found no value; want %s", empty.GetFlag().Name, wantOf(empty.GetFlag()))
	}
	if none, ok := errors.AsType[*pflag.NotExistError](err); ok {
		dashes := "--"
		if none.GetSpecifiedShortnames() != "" {
			dashes = "-"
		}
		var known []string
		command.Flags().VisitAll(func(flag *pflag.Flag) {
			if !flag.Hidden {
				known = append(known, "--"+flag.Name)
			}
		})
		return unknown(dashes+none.GetSpecifiedName()+": unknown flag", dashes+none.GetSpecifiedName(), known)
	}
	return err
}

// wantOf describes the values that a flag accepts.
func wantOf(flag *pflag.Flag) string {
	if value, ok := flag.Value.(choiceFlag); ok {
		return alternatives(value.words)
	}
	want, ok := map[string]string{
		"bool":     "true or false",
		"duration": "a duration such as 500ms or 30s",
		"int":      "an integer",
		"uint32":   fmt.Sprintf("an integer from 1 to %d", uint32(math.MaxUint32)),
	}[flag.Value.Type()]
	if !ok {
		_, usage := pflag.UnquoteUsage(flag)
		want, _, _ = strings.Cut(usage, ";")
	}
	return want
}

// unreadableError reports a file that cannot be read.
type unreadableError struct{ cause *fs.PathError }

func (u unreadableError) Error() string {
	return fmt.Sprintf("%s: %v; want a file that can be read", u.cause.Path, u.cause.Err)
}

func (u unreadableError) Unwrap() error { return u.cause }

// describeFiles replaces each *fs.PathError in err by an unreadableError.
func describeFiles(err error) error {
	faults := flatten(err)
	for i, fault := range faults {
		if file, ok := fault.(*fs.PathError); ok { //nolint:errorlint // an error that wraps one has a text of its own
			faults[i] = unreadableError{file}
		}
	}
	return errors.Join(faults...)
}
