package cli

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// arguments accepts least to most arguments. want describes them.
func arguments(least, most int, want string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("%s: found %s; want %s", command.Name(), count(len(args), "argument"), want)
		}
		return nil
	}
}

// requireFlags reports the required flags that the operator did not set. It runs before the
// check of cobra, whose error does not describe the flags.
func requireFlags(command *cobra.Command, _ []string) error {
	var missing []error
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, required := flag.Annotations[cobra.BashCompOneRequiredFlag]; required && !flag.Changed {
			_, usage := pflag.UnquoteUsage(flag)
			want, _, _ := strings.Cut(usage, ";")
			missing = append(missing, fmt.Errorf("--%s: missing; want %s", flag.Name, want))
		}
	})
	return errors.Join(missing...)
}

// flagError describes a flag whose value does not parse. Other errors of flags stay.
func flagError(_ *cobra.Command, err error) error {
	invalid, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	flag := invalid.GetFlag()
	want := map[string]string{
		"bool":     "true or false",
		"duration": "a duration such as 500ms or 30s",
		"int":      "an integer",
		"uint32":   fmt.Sprintf("an integer from 1 to %d", uint32(math.MaxUint32)),
	}[flag.Value.Type()]
	if c, isChoice := flag.Value.(choiceFlag); isChoice {
		last := len(c.words) - 1
		want = strings.Join(c.words[:last], ", ") + " or " + c.words[last]
	}
	return fmt.Errorf("--%s: found %q; want %s", flag.Name, invalid.GetValue(), want)
}
