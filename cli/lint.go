package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

func (s *session) lint() *cobra.Command {
	var prefix, to string
	command := s.does(&cobra.Command{
		Use:   "lint [--prefix P] [--to URL] CONFIG...",
		Short: "Report all problems of a configuration",
		Long: `Report all problems of a configuration.

A service does not start with a problem: a fault of a file, an unknown event type
or field, a key path that the data does not have, a topic without enabled or a
key. It starts with a warning: nothing is enabled, the events of a topic have
keys of different schemas, a topic has the prefix already, another source
declares a wrong key path. A hint says what to do next.

With --to, names of topics and schemas that the broker does not accept are
problems too, and Redis keys of another type. Nothing is written. An unreachable
broker is not a problem. send has the forms of the URL.

Warnings do not change the exit code.`,
		Example:           "  " + s.Name + " lint base.json site.yaml\n  " + s.Name + " lint --format json defaults: env:EVENT_BUS_PRODUCER_CONFIG",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeConfigs,
	}, func(ctx context.Context, args []string) error {
		config, err := s.load(s.Registry, args)
		var found signalcast.ValidationError
		if invalid, ok := errors.AsType[*signalcast.ValidationError](err); ok {
			found = *invalid
		} else if err != nil {
			return err
		}
		routes, err := s.validRoutes(ctx, config.Merged)
		if err != nil {
			return err
		}
		if to != "" {
			rejected, err := rejections(ctx, config, routes, prefix, to)
			if err != nil {
				return err
			}
			found.Problems = append(found.Problems, rejected...)
		}
		warnings := s.warnings(config, routes, prefix, len(found.Problems) > 0)
		s.writeLint(config, found, warnings, s.hints(config, found.Problems))
		if len(found.Problems) > 0 {
			return errProblems
		}
		return nil
	})
	prefixFlag(command, &prefix)
	command.Flags().StringVar(&to, "to", "", "the `URL` of the broker that the events go to")
	return command
}

// rejections returns the routes that the backend of a broker does not accept.
func rejections(ctx context.Context, config *configfile.Loaded, routes []signalcast.Route, prefix, to string) ([]signalcast.Problem, error) {
	const patience = 10 * time.Second
	backend, err := openBackend(to, patience)
	if err != nil {
		return nil, usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var rejected []signalcast.Problem
	for _, r := range routes {
		at := signalcast.ConfigPath{EventType: r.EventType, Topic: r.Topic}
		r.Topic = fullTopic(prefix, r.Topic)
		if err := backend.Prepare(ctx, []signalcast.Route{r}); err != nil {
			for _, fault := range flatten(err) {
				rejected = append(rejected, located(config, at, fault.Error(), "a service with this broker does not start"))
			}
		}
	}
	return rejected, backend.Close(ctx)
}

func prefixFlag(command *cobra.Command, prefix *string) {
	command.Flags().StringVar(prefix, "prefix", configfile.TopicPrefix(), "the topic prefix; default: "+configfile.TopicPrefixVariable)
	command.Flags().Lookup("prefix").DefValue = ""
}

func (s *session) writeLint(config *configfile.Loaded, found signalcast.ValidationError, warnings []signalcast.Problem, hints []string) {
	if s.format == formatJSON {
		_ = writeJSON(s, struct {
			Problems []problem `json:"problems"`
			Omitted  int       `json:"omitted,omitempty"`
			Warnings []problem `json:"warnings"`
			Hints    []string  `json:"hints,omitempty"`
		}{problemsOf(found.Problems), found.Omitted, problemsOf(warnings), hints})
		return
	}
	for _, p := range found.Problems {
		s.printf("%s %s\n", s.paint(red, "problem"), p)
	}
	if found.Omitted > 0 {
		s.printf("and %s more\n", count(found.Omitted, "problem"))
	}
	for _, p := range warnings {
		s.printf("%s %s\n", s.paint(yellow, "warning"), p)
	}
	for _, hint := range hints {
		s.printf("hint %s\n", hint)
	}
	topics, enabled := 0, 0
	for _, settings := range config.Merged {
		for _, t := range settings {
			topics++
			if isTrue(t.Enabled) {
				enabled++
			}
		}
	}
	verdict := "fine"
	if n := len(found.Problems) + found.Omitted; n > 0 {
		verdict = count(n, "problem")
	}
	if len(warnings) > 0 {
		verdict += ", " + count(len(warnings), "warning")
	}
	s.printf("%s: %s of %s, %d enabled\n", verdict, count(topics, "topic"), count(len(config.Merged), "event type"), enabled)
}

func isTrue(b *bool) bool { return b != nil && *b }

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
