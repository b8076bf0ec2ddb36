package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/pysettings"
)

func (s *session) convert() *cobra.Command {
	return s.withAction(&cobra.Command{
		Use:   "convert FILE",
		Short: "Convert Python settings, or the old list form, to a configuration",
		Long: `Convert Python settings, or the old list form, to a configuration in JSON.

FILE is one of

  Python settings   convert reads the file and does not run it. It follows
                    assignments of literals to EVENT_BUS_PRODUCER_CONFIG or an
                    element of it, update and |=.
  JSON              the old form, with a list of topics for each event type
  -                 the standard input, with Python or JSON

A value that is not a literal is a problem. It is reported with its line and is
not in the result. The exit code is then 1.`,
		Example: "  " + s.Name + " convert settings.py > producer.json",
		Args:    arguments(1, 1, "one FILE"),
	}, func(_ context.Context, args []string) error {
		switch ending := filepath.Ext(args[0]); ending {
		case ".yaml", ".yml", ".toml":
			return usageError{fmt.Errorf("%s: found the extension %q; want Python settings, or JSON in the old form", args[0], ending)}
		}
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

// convert converts the text of a file. Beside the problems it returns the part that it could
// convert, or nil.
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
		if _, current := signalcast.ParseProducerConfig(text); current == nil {
			return nil, fmt.Errorf("%s: found a configuration in the current form; want the old form, with a list of topics for each event type", name)
		}
		for i := range invalid.Problems {
			invalid.Problems[i].Layer = name
		}
	}
	return config, err
}

// read reads a file, or the standard input if name is "-". It reads limit bytes and one more, so
// that the caller can reject a larger text.
func (s *session) read(name string, limit int) ([]byte, error) {
	in := s.Stdin
	if name != "-" {
		file, err := os.Open(name) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, usageError{err}
		}
		defer func() { _ = file.Close() }() // read only: nothing can be lost
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, int64(limit)+1))
	if err != nil {
		return nil, usageError{err}
	}
	return text, nil
}
