package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/configfile"
)

func (s *session) lint() *cobra.Command {
	var prefix, to string
	command := s.withAction(&cobra.Command{
		Use:   "lint [--prefix PREFIX] [--to URL] CONFIG...",
		Short: "Report all problems of a configuration",
		Long: `Report all problems of a configuration.

problem   A service does not start. Examples are a syntax error, an unknown event
          type or field, an invalid key path, and a topic without enabled or key.
warning   A service starts, but the configuration may be a mistake. Warnings do
          not change the exit code.
hint      The next step.

With --to, also report the topics and schemas that the broker rejects, and warn of
topics that do not exist in Kafka, or of a broker that does not reply. lint writes
nothing to the broker. send --help lists the forms of the URL.`,
		Example:           "  " + s.Name + " lint base.json site.yaml\n  " + s.Name + " lint --format json defaults: env:EVENT_BUS_PRODUCER_CONFIG",
		Args:              arguments(1, math.MaxInt, "one CONFIG or more"),
		ValidArgsFunction: completeConfigs,
	}, func(ctx context.Context, args []string) error {
		config, err := s.load(s.Registry, args)
		invalid := &signalcast.ValidationError{}
		if hinted, ok := err.(*hintedError); ok { //nolint:errorlint // an unreadable source is another error
			errors.As(hinted, &invalid)
		} else if err != nil {
			return err
		}
		found, hints := *invalid, s.hints(config, invalid.Problems)
		routes, err := s.validRoutes(ctx, config.Merged)
		if err != nil {
			return err
		}
		var ofBroker []signalcast.Problem
		if to != "" {
			rejected, err := brokerProblems(ctx, config, routes, prefix, to)
			if err != nil {
				return err
			}
			found.Problems = append(found.Problems, rejected...)
			if ofBroker, err = brokerWarnings(ctx, config, routes, prefix, to); err != nil {
				return err
			}
		}
		warnings := append(s.warnings(config, routes, prefix, len(found.Problems) > 0), ofBroker...)
		s.writeLint(config, found, warnings, hints)
		if len(found.Problems) > 0 {
			return errProblems
		}
		return nil
	})
	prefixFlag(command, &prefix)
	command.Flags().StringVar(&to, "to", "", "the `URL` of the broker")
	return command
}

const brokerTimeout = 10 * time.Second

// brokerWarnings returns a warning for each enabled route whose topic does not exist in Kafka, or one warning if the broker does not reply.
func brokerWarnings(ctx context.Context, config *configfile.Loaded, routes []signalcast.Route, prefix, to string) ([]signalcast.Problem, error) {
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	switch scheme, _, _ := strings.Cut(to, ":"); scheme {
	case "redis", "rediss":
		return redisWarnings(ctx, to)
	case "kafka", "kafkas":
		return kafkaWarnings(ctx, config, routes, prefix, to)
	default:
		return nil, nil // memory:
	}
}

// unchecked returns the warning that a broker does not reply.
func unchecked(err error) []signalcast.Problem {
	return []signalcast.Problem{{Found: "--to: found no reply of the broker, so its topics were not checked: " + err.Error()}}
}

func redisWarnings(ctx context.Context, to string) ([]signalcast.Problem, error) {
	client, err := redis.Client(redis.Config{URL: to})
	if err != nil {
		return nil, usageError{err}
	}
	err = client.Ping(ctx).Err()
	var reply interface{ RedisError() } // of go-redis, whose text brokerProblems reports
	if err != nil && !errors.As(err, &reply) {
		return unchecked(err), client.Close()
	}
	return nil, client.Close()
}

func kafkaWarnings(ctx context.Context, config *configfile.Loaded, routes []signalcast.Route, prefix, to string) ([]signalcast.Problem, error) {
	backend, err := openBackend(to, brokerTimeout, func(c *kafkaconfig.Config) { c.RequireTopics = true })
	if err != nil {
		return nil, usageError{err}
	}
	closing := context.WithoutCancel(ctx)
	var warnings []signalcast.Problem
	for _, r := range routes {
		at := signalcast.ConfigPath{EventType: r.EventType, Topic: r.Topic}
		r.Topic = fullTopic(prefix, r.Topic)
		disabled := r
		disabled.Enabled = false
		if !r.Enabled || backend.Prepare(ctx, []signalcast.Route{disabled}) != nil {
			continue // brokerProblems reports what is wrong without the broker
		}
		switch err := backend.Prepare(ctx, []signalcast.Route{r}); {
		case errors.Is(err, kafkaconfig.ErrUnknownTopic):
			warnings = append(warnings, warningAt(config, at,
				fmt.Sprintf("the topic %q does not exist; events wait for it, unless the broker creates topics on use", r.Topic)))
		case errors.Is(err, kafkaconfig.ErrDenied):
			warnings = append(warnings, warningAt(config, at, fmt.Sprintf("the broker denies access to the topic %q", r.Topic)))
		case err != nil:
			return append(unchecked(askError(err)), warnings...), backend.Close(closing)
		}
	}
	return warnings, backend.Close(closing)
}

// askError returns why a Kafka backend got no reply about topics, without the name of the setting that made it ask.
func askError(err error) error {
	for _, fault := range flatten(errors.Unwrap(err)) {
		if cause := errors.Unwrap(fault); cause != nil {
			return cause
		}
	}
	return err
}

// brokerProblems returns a problem for each route that the backend of the broker rejects.
func brokerProblems(ctx context.Context, config *configfile.Loaded, routes []signalcast.Route, prefix, to string) ([]signalcast.Problem, error) {
	backend, err := openBackend(to, brokerTimeout)
	if err != nil {
		return nil, usageError{err}
	}
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	var rejected []signalcast.Problem
	for _, r := range routes {
		at := signalcast.ConfigPath{EventType: r.EventType, Topic: r.Topic}
		r.Topic = fullTopic(prefix, r.Topic)
		if err := backend.Prepare(ctx, []signalcast.Route{r}); err != nil {
			for _, fault := range flatten(err) {
				rejected = append(rejected, warningAt(config, at, fault.Error()+"; a service does not start with this broker"))
			}
		}
	}
	return rejected, backend.Close(ctx)
}

func prefixFlag(command *cobra.Command, prefix *string) {
	command.Flags().StringVar(prefix, "prefix", configfile.TopicPrefix(), "the topic `PREFIX`; default: the environment variable "+configfile.TopicPrefixVariable)
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
	verdict := "no problems"
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
