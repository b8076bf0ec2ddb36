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

// sources turns the CONFIG arguments into sources.
func (s *session) sources(args []string) ([]configfile.Source, error) {
	sources := make([]configfile.Source, len(args))
	for i, arg := range args {
		variable, isVariable := strings.CutPrefix(arg, "env:")
		switch {
		case arg == defaultsSource && s.Defaults == nil:
			return nil, usageError{errors.New("there are no defaults: this program declares none")}
		case arg == defaultsSource:
			sources[i] = configfile.Layer(signalcast.Layer{Name: "defaults", Config: s.Defaults})
		case isVariable && os.Getenv(variable) == "":
			return nil, usageError{fmt.Errorf("environment variable %s is not set or empty", variable)}
		case isVariable:
			sources[i] = configfile.Environment(variable)
		default:
			sources[i] = configfile.File(arg)
		}
	}
	return sources, nil
}

// load reads the CONFIG arguments and validates them against r unless it is nil.
// An error that is no wrong usage is a *signalcast.ValidationError, and comes
// with what is right of the configuration.
func (s *session) load(r *signalcast.Registry, args []string) (*configfile.Loaded, error) {
	sources, err := s.sources(args)
	if err != nil {
		return nil, err
	}
	config, err := configfile.Load(r, sources...)
	if _, problems := err.(*signalcast.ValidationError); err != nil && !problems { //nolint:errorlint // joined with others is not the same
		return nil, usageError{err} // a source cannot be read
	}
	return config, err
}

func completeConfigs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"json", "yaml", "yml", "toml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeEventType completes the one argument of a command.
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

// check rejects an event type that is not in the registry.
func (s *session) check(eventType string) error {
	if slices.Contains(s.eventTypes(), eventType) {
		return nil
	}
	if reason, known := s.Unsupported[eventType]; known {
		return fmt.Errorf("event type %s cannot be sent: %s", eventType, reason)
	}
	err := fmt.Errorf("unknown event type %q; %s catalog lists the known ones", eventType, s.Name)
	if near := nearest.Name(eventType, slices.Values(s.eventTypes())); near != "" {
		err = fmt.Errorf("%w (did you mean %q?)", err, near)
	}
	return err
}

// fullTopic is a topic's name with the prefix, as a dispatcher makes it.
func fullTopic(prefix, topic string) string {
	if prefix == "" {
		return topic
	}
	return prefix + "-" + topic
}

// sorted returns the names of a map in their order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
