package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

// maxEventBytes is the largest event data and metadata read: 16 MiB.
const maxEventBytes = 16 << 20

// eventFlags are the flags of commands that are about one event.
type eventFlags struct {
	configs                []string
	prefix                 string
	dataFile, metadataFile string
}

func (f *eventFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVarP(&f.configs, "config", "c", nil, "a CONFIG; may be repeated, later ones override")
	flags.StringVar(&f.dataFile, "data", "", "a `FILE` with the event's data, a JSON object on wire names; - is the standard input")
	flags.StringVar(&f.metadataFile, "metadata", "", "a `FILE` with the event's metadata, a JSON object; default: made as a service makes it")
	prefixFlag(command, &f.prefix)
	_ = command.MarkFlagRequired("config")
	_ = command.RegisterFlagCompletionFunc("config", completeConfigs)
}

// event is what is known about one event from the command line.
type event struct {
	eventType string
	config    *configfile.Loaded
	data      []byte // nil when not given
	options   []signalcast.SendOption
}

// read reads the files that the flags name.
func (f *eventFlags) read(s *session, eventType string) (*event, error) {
	if f.dataFile == "-" && f.metadataFile == "-" {
		return nil, usageError{errors.New("--data and --metadata are both -; the standard input is one of them")}
	}
	if f.metadataFile != "" && f.dataFile == "" {
		return nil, usageError{errors.New("--metadata needs --data: without data nothing is encoded")}
	}
	if err := s.check(eventType); err != nil {
		return nil, err
	}
	e := &event{eventType: eventType}
	var err error
	if e.config, err = s.load(s.Registry, f.configs); err != nil {
		return nil, err
	}
	if f.dataFile != "" {
		if e.data, err = s.readEvent(f.dataFile); err != nil {
			return nil, err
		}
	}
	if f.metadataFile != "" {
		text, err := s.readEvent(f.metadataFile)
		if err != nil {
			return nil, err
		}
		var m signalcast.Metadata
		if err := json.Unmarshal(text, &m); err != nil {
			return nil, fmt.Errorf("%s: %w", f.metadataFile, err)
		}
		e.options = append(e.options, signalcast.WithMetadata(m))
	}
	return e, nil
}

func (s *session) readEvent(name string) ([]byte, error) {
	text, err := s.read(name, maxEventBytes)
	if err == nil && len(text) > maxEventBytes {
		err = fmt.Errorf("%s: found more than %d bytes; allowed are %d", name, maxEventBytes, maxEventBytes)
	}
	return text, err
}

// dispatcher attaches a dispatcher with the event's configuration to the registry.
func (e *event) dispatcher(ctx context.Context, s *session, prefix string, b signalcast.Backend, opts ...signalcast.DispatcherOption) (*signalcast.Dispatcher, error) {
	return signalcast.NewDispatcher(ctx, s.Registry, e.config.Merged, b, append(opts, signalcast.WithTopicPrefix(prefix))...)
}

// fate is what the configuration decides about the event and one topic.
type fate struct {
	decision

	FullTopic string `json:"full_topic"`
	Sent      bool   `json:"sent"`
	Why       string `json:"why"`
}

// fates returns what becomes of the event for each topic, and why.
func (e *event) fates(prefix string) []fate {
	fates := []fate{}
	for _, topic := range sorted(e.config.Merged[e.eventType]) {
		f := fate{decision: decide(e.config, e.eventType, topic), FullTopic: fullTopic(prefix, topic)}
		f.Sent = isTrue(e.config.Merged[e.eventType][topic].Enabled)
		f.Why = "disabled by " + f.Enabled.place.String()
		if f.Sent {
			f.Why = "enabled by " + f.Enabled.place.String()
		}
		fates = append(fates, f)
	}
	return fates
}

// whyNowhere says why the event goes to no topic.
func (e *event) whyNowhere() string {
	topics, configured := e.config.Merged[e.eventType]
	switch {
	case !configured:
		return "no CONFIG names the event type"
	case len(topics) == 0:
		return "the event type is configured without topics"
	default:
		var why []string
		for _, f := range e.fates("") {
			why = append(why, f.Topic+" is "+f.Why)
		}
		return strings.Join(why, ", ")
	}
}
