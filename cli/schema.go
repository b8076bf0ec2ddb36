package cli

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

func (s *session) schema() *cobra.Command {
	key := ""
	command := s.withAction(&cobra.Command{
		Use:   "schema [--key PATH] EVENT_TYPE",
		Short: "Show the Avro schema of an event type, or of its key",
		Long: `Show the Avro schema of an event type's data, or of its key, on one line. The
text is exactly the one in the schema registry.`,
		Example: "  " + s.Name + " schema org.openedx.learning.course.enrollment.created.v1\n" +
			"  " + s.Name + " schema org.openedx.learning.course.enrollment.created.v1 --key enrollment.course.course_key",
		Args:              arguments(1, 1, "one EVENT_TYPE"),
		ValidArgsFunction: s.completeEventType,
	}, func(ctx context.Context, args []string) error {
		if err := s.checkEventType(args[0]); err != nil {
			return err
		}
		t := signalcast.TopicConfig{Enabled: new(true), Keyless: new(true)}
		if key != "" {
			t = signalcast.TopicConfig{Enabled: new(true), EventKeyField: &key}
		}
		config := signalcast.ProducerConfig{args[0]: {"topic": t}}
		d, err := signalcast.NewDispatcher(ctx, s.Registry, config, memory.New())
		if invalid, ok := errors.AsType[*signalcast.ValidationError](err); ok {
			for i := range invalid.Problems {
				invalid.Problems[i].ConfigPath = signalcast.ConfigPath{EventType: args[0]} // the operator named no topic
			}
		}
		if err != nil {
			return err
		}
		route := d.Routes()[0]
		if err := d.Close(ctx); err != nil {
			return err
		}
		schema := route.ValueSchema
		if key != "" {
			schema = route.KeySchema
		}
		if s.format == formatJSON {
			return writeJSON(s, struct {
				EventType string          `json:"event_type"`
				Key       string          `json:"key,omitempty"`
				Name      string          `json:"name"`
				Text      string          `json:"text"`
				Schema    json.RawMessage `json:"schema"`
			}{args[0], key, schema.Name, schema.Text, json.RawMessage(schema.Text)})
		}
		s.printf("%s\n", schema.Text)
		return nil
	})
	command.Flags().StringVar(&key, "key", "", "show the schema of the key at this `PATH`")
	_ = command.RegisterFlagCompletionFunc("key", func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return s.Registry.KeyPaths(args[0]), cobra.ShellCompDirectiveNoFileComp
	})
	return command
}
