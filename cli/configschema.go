package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast/configschema"
)

func (s *session) configSchema() *cobra.Command {
	return s.withAction(&cobra.Command{
		Use:   "config-schema",
		Short: "Show the JSON Schema of configurations, for editors",
		Long: `Show the JSON Schema (draft 7) of configuration files. Editors complete and check
files with it. A file names its schema in one line:

  {"$schema": "./events.schema.json", …}                 JSON
  # yaml-language-server: $schema=./events.schema.json   YAML
  #:schema ./events.schema.json                          TOML`,
		Example: "  " + s.Name + " config-schema > events.schema.json",
		Args:    arguments(0, 0, "no arguments"),
	}, func(context.Context, []string) error {
		text, err := configschema.JSONSchema(s.Registry)
		if err != nil {
			return err
		}
		_, err = s.Write(text)
		return err
	})
}
