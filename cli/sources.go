package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/internal/nearest"
)

const defaultsSource = "defaults:"

// sources returns the sources that the CONFIG arguments name.
func (s *session) sources(args []string) ([]configfile.Source, error) {
	sources := make([]configfile.Source, len(args))
	for i, arg := range args {
		variable, isVariable := strings.CutPrefix(arg, "env:")
		switch {
		case arg == "" || isVariable && variable == "":
			return nil, usageError{fmt.Errorf("CONFIG: found %q; want defaults:, env:NAME or a file", arg)}
		case arg == defaultsSource && s.Defaults == nil:
			return nil, usageError{errors.New("defaults: the program declares no configuration; want a file or env:NAME")}
		case arg == defaultsSource:
			sources[i] = configfile.Layer(signalcast.Layer{Name: "defaults", Config: s.Defaults})
		case isVariable && os.Getenv(variable) == "":
			return nil, usageError{fmt.Errorf("%s: the environment variable is empty or not set; want a configuration in JSON", arg)}
		case isVariable:
			sources[i] = configfile.Environment(variable)
		default:
			sources[i] = configfile.File(arg)
		}
	}
	return sources, nil
}

// hintedError is an error with hints, each of which names a next step.
type hintedError struct {
	error

	hints []string
}

func (h *hintedError) Unwrap() error { return h.error }

// load reads and merges the CONFIG arguments. It validates the result against r unless r is nil.
// If the configuration is invalid, load returns its valid part, and a *hintedError that wraps a *signalcast.ValidationError. Any
// other error is a usageError.
func (s *session) load(r *signalcast.Registry, args []string) (*configfile.Loaded, error) {
	sources, err := s.sources(args)
	if err != nil {
		return nil, err
	}
	config, err := configfile.Load(r, sources...)
	if invalid, only := err.(*signalcast.ValidationError); only { //nolint:errorlint // an unreadable source is joined with it
		return config, &hintedError{invalid, s.hints(config, invalid.Problems)}
	}
	if err != nil {
		return nil, usageError{err}
	}
	return config, nil
}

func completeConfigs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"json", "yaml", "yml", "toml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeEventType completes the EVENT_TYPE argument.
func (s *session) completeEventType(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return s.eventTypes(), cobra.ShellCompDirectiveNoFileComp
}

func (s *session) eventTypes() []string {
	definitions := s.Registry.Definitions()
	names := make([]string, len(definitions))
	for i, d := range definitions {
		names[i] = d.EventType()
	}
	return names
}

// checkEventType returns an error if the registry does not have the event type.
func (s *session) checkEventType(eventType string) error {
	if slices.Contains(s.eventTypes(), eventType) {
		return nil
	}
	if reason, known := s.Unsupported[eventType]; known {
		return fmt.Errorf("event type %s cannot be sent: %s", eventType, reason)
	}
	err := fmt.Errorf("unknown event type %q; want one that %s catalog lists", eventType, s.Name)
	switch near := nearest.Name(eventType, slices.Values(s.eventTypes())); {
	case near != "":
		return fmt.Errorf("%w (did you mean %q?)", err, near)
	case s.Name == defaultName:
		return &hintedError{err, []string{ownCommandHint}}
	default:
		return err
	}
}

// fullTopic returns the name that signalcast.WithTopicPrefix gives a topic.
func fullTopic(prefix, topic string) string {
	if prefix == "" {
		return topic
	}
	return prefix + "-" + topic
}

// sorted returns the sorted keys of a map.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
