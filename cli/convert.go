package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/pysettings"
)

func (s *session) convert() *cobra.Command {
	return s.does(&cobra.Command{
		Use:   "convert FILE",
		Short: "Convert the old list form, or a Python settings file, to a configuration",
		Long: `Convert the old list form, or a Python settings file, to a configuration.

Of JSON, FILE holds for each event type a list of topics. Everything else is
read as the settings of a Python service, without running them: literals that
are assigned to EVENT_BUS_PRODUCER_CONFIG or put into it by update, |= or an
assignment to [...]. Whatever is computed is named with its line and left out
of the result; the exit code is 1 then.

A FILE of - is the standard input.`,
		Example: "  " + s.Name + " convert settings.py > producer.json",
		Args:    cobra.ExactArgs(1),
	}, func(_ context.Context, args []string) error {
		text, err := s.read(args[0], signalcast.MaxConfigBytes)
		if err != nil {
			return err
		}
		config, err := convert(args[0], text)
		var invalid *signalcast.ValidationError
		if err != nil && !errors.As(err, &invalid) {
			return err
		}
		if config != nil {
			if err := writeJSON(s, config); err != nil {
				return err
			}
		}
		return err
	})
}

// convert returns what could be converted, nil for nothing, and the problems.
func convert(name string, text []byte) (signalcast.ProducerConfig, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		layer, err := pysettings.Read(name, text)
		if len(layer.Config) == 0 && err != nil {
			return nil, err
		}
		return layer.Config, err
	}
	config, err := signalcast.ConvertListConfig(text)
	if invalid, ok := errors.AsType[*signalcast.ValidationError](err); ok {
		for i := range invalid.Problems {
			invalid.Problems[i].Layer = name
		}
	}
	return config, err
}

// read reads a file that is named on the command line, or the standard input,
// and one byte more than limit of a larger one.
func (s *session) read(name string, limit int) ([]byte, error) {
	in := s.Stdin
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the file that the user names
		if err != nil {
			return nil, usageError{err}
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, int64(limit)+1))
	if err != nil {
		return nil, usageError{err}
	}
	return text, nil
}
