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
	"github.com/signalcast/signalcast/internal/jsonpos"
)

// maxEventBytes is the largest event data and metadata read: 16 MiB.
const maxEventBytes = 16 << 20

// eventFlags are the flags of commands that encode one event.
type eventFlags struct {
	configs                []string
	prefix                 string
	dataFile, metadataFile string
}

func (f *eventFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVarP(&f.configs, "config", "c", nil, "a `CONFIG`; may be repeated, a later one overrides")
	flags.StringVar(&f.dataFile, "data", "", "a `FILE` with the event's data, a JSON object; - is the standard input")
	flags.StringVar(&f.metadataFile, "metadata", "", "a `FILE` with the event's metadata, a JSON object; default: new metadata")
	prefixFlag(command, &f.prefix)
	_ = command.MarkFlagRequired("config")
	_ = command.RegisterFlagCompletionFunc("config", completeConfigs)
}

// event is one event with its configuration.
type event struct {
	flags     eventFlags
	eventType string
	config    *configfile.Loaded
	data      []byte // nil without --data
	options   []signalcast.SendOption
}

// read reads the files that the flags name.
func (f *eventFlags) read(s *session, eventType string) (*event, error) {
	if f.dataFile == "-" && f.metadataFile == "-" {
		return nil, usageError{errors.New("--data and --metadata: found - for both; want the standard input for one of them")}
	}
	if f.metadataFile != "" && f.dataFile == "" {
		return nil, usageError{errors.New("--metadata: found no --data; want both")}
	}
	if err := s.checkEventType(eventType); err != nil {
		return nil, err
	}
	e := &event{flags: *f, eventType: eventType}
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
		m, err := parseMetadata(f.metadataFile, text)
		if err != nil {
			return nil, err
		}
		e.options = append(e.options, signalcast.WithMetadata(m))
	}
	return e, nil
}

// metadataValues describes the value of each attribute of event metadata.
var metadataValues = map[string]string{
	"event_type": "a string", "id": "a UUID", "minorversion": "an integer", "source": "a string", "sourcehost": "a string",
	"sourcelib": "a list of integers such as [11, 2, 0]", "time": "a time such as 2026-01-31T08:00:00+00:00",
}

// parseMetadata returns the metadata in the text of a file.
func parseMetadata(file string, text []byte) (m signalcast.Metadata, err error) {
	r := jsonpos.NewReader(text)
	for token := r.Next(); token.Kind != jsonpos.End; token = r.Next() {
		if token.Kind != jsonpos.Name {
			continue
		}
		if _, known := metadataValues[token.Text]; !known {
			found := fmt.Sprintf("%s:%d:%d: unknown attribute %q", file, token.Position.Line, token.Position.Column, token.Text)
			return m, unknown(found, token.Text, sorted(metadataValues))
		}
		r.Skip(r.Next())
	}
	if syntax := r.Err(); syntax != nil {
		return m, fmt.Errorf("%s:%d:%d: found %s; want %s", file, syntax.Position.Line, syntax.Position.Column, syntax.Found, syntax.Want)
	}
	err = json.Unmarshal(text, &m)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return m, fmt.Errorf("%s: found a JSON %s; want an object", file, wrong.Value)
		}
		return m, fmt.Errorf("%s: %s: found a JSON %s; want %s", file, wrong.Field, wrong.Value, metadataValues[wrong.Field])
	}
	if err != nil {
		return m, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

func (s *session) readEvent(name string) ([]byte, error) {
	text, err := s.read(name, maxEventBytes)
	if err == nil && len(text) > maxEventBytes {
		err = fmt.Errorf("%s: found more than %d bytes; want at most %d", name, maxEventBytes, maxEventBytes)
	}
	return text, err
}

// locate adds the file, the line and the column to the faults of an event that cannot be encoded.
func (e *event) locate(err error) error {
	invalid, ok := errors.AsType[*signalcast.EncodeError](err)
	if !ok {
		return err
	}
	faults := make([]error, len(invalid.Fields))
	for i, fault := range invalid.Fields {
		place := e.flags.dataFile
		switch {
		case fault.Line > 0:
			place = fmt.Sprintf("%s:%d:%d", place, fault.Line, fault.Column)
			fault.Line = 0
		case e.flags.metadataFile != "" && strings.HasPrefix(fault.Path, "metadata."):
			place = e.flags.metadataFile
		}
		faults[i] = fmt.Errorf("%s: %w", place, &fault)
	}
	return errors.Join(faults...)
}

// dispatcher attaches a dispatcher with the event's configuration to the registry.
func (e *event) dispatcher(ctx context.Context, s *session, b signalcast.Backend, opts ...signalcast.DispatcherOption) (*signalcast.Dispatcher, error) {
	return signalcast.NewDispatcher(ctx, s.Registry, immediate(e.config.Merged), b, append(opts, signalcast.WithTopicPrefix(e.flags.prefix))...)
}

// destination is one topic that the configuration has for the event.
type destination struct {
	topicSettings

	FullTopic string `json:"full_topic"`
	Sent      bool   `json:"sent"`
	Why       string `json:"why"`
}

// destinations returns the topics that the configuration has for the event. prefix may be empty.
func (e *event) destinations(prefix string) []destination {
	destinations := []destination{}
	for _, topic := range sorted(e.config.Merged[e.eventType]) {
		d := destination{topicSettings: settingsOf(e.config, e.eventType, topic), FullTopic: fullTopic(prefix, topic)}
		d.Sent = isTrue(e.config.Merged[e.eventType][topic].Enabled)
		d.Why = "disabled by " + d.Enabled.place.String()
		if d.Sent {
			d.Why = "enabled by " + d.Enabled.place.String()
		}
		destinations = append(destinations, d)
	}
	return destinations
}

// whyNotSent returns the reason why the event is published to no topic.
func (e *event) whyNotSent() string {
	topics, configured := e.config.Merged[e.eventType]
	switch {
	case !configured:
		return "no CONFIG has the event type"
	case len(topics) == 0:
		return "the event type has no topics"
	default:
		var why []string
		for _, d := range e.destinations("") {
			why = append(why, d.Topic+" is "+d.Why)
		}
		return strings.Join(why, ", ")
	}
}
