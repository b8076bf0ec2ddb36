package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/asyncapi"
	"github.com/signalcast/signalcast/backends/memory"
)

func (s *session) asyncAPI() *cobra.Command {
	var configs []string
	var prefix string
	var options asyncapi.Options
	command := s.withAction(&cobra.Command{
		Use:   "asyncapi --config CONFIG...",
		Short: "Describe what a service publishes, as an AsyncAPI document",
		Long: `Describe what a service publishes, as an AsyncAPI 3.0 document in JSON. Each enabled
topic is a channel. The document has the Avro schemas of the events, the Kafka
headers and the keys. asyncapi needs no broker.`,
		Example: "  " + s.Name + " asyncapi -c base.json -c site.yaml --title Shop > asyncapi.json",
		Args:    arguments(0, 0, "no arguments; give each CONFIG with -c"),
	}, func(ctx context.Context, _ []string) error {
		config, err := s.load(s.Registry, configs)
		if err != nil {
			return err
		}
		d, err := signalcast.NewDispatcher(ctx, s.Registry, immediate(config.Merged), memory.New(), signalcast.WithTopicPrefix(prefix))
		if err != nil {
			return err
		}
		text, err := asyncapi.Document(s.Registry, d.Routes(), options)
		if err != nil {
			return err
		}
		if err := d.Close(ctx); err != nil {
			return err
		}
		_, err = s.Write(text)
		return err
	})
	flags := command.Flags()
	flags.StringArrayVarP(&configs, "config", "c", nil, "a `CONFIG`; may be repeated, a later one overrides")
	prefixFlag(command, &prefix)
	flags.StringVar(&options.Title, "title", "Events", "the `TITLE` of the document")
	flags.StringVar(&options.Version, "api-version", "0.0.0", "the `VERSION` of what the document describes")
	flags.BoolVar(&options.IncludeDisabled, "disabled", false, "also describe topics that are not enabled")
	_ = command.MarkFlagRequired("config")
	_ = command.RegisterFlagCompletionFunc("config", completeConfigs)
	return command
}
