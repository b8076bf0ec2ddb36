package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
	"github.com/signalcast/signalcast/consume/redis"
)

// busForms are the forms of the URL of a broker to read from.
const busForms = `  redis://[[user]:password@]host[:port][/db]
  rediss://…                        the same over TLS
  kafka://host:port[,host:port…]?registry=URL
  kafkas://[key:secret@]host:port…  the same over TLS, with SASL PLAIN`

// maxTopics bounds the topics of a command.
const maxTopics = 1000

// busFlags are the broker and the consumer group of a command that reads topics.
type busFlags struct{ url, group string }

// add adds --bus, and --group if withGroup is set. Both are required.
func (f *busFlags) add(command *cobra.Command, withGroup bool) {
	command.Flags().StringVar(&f.url, "bus", "", "the `URL` of the broker; redis://… or kafka://…")
	_ = command.MarkFlagRequired("bus")
	if withGroup {
		command.Flags().StringVar(&f.group, "group", "", "the `NAME` of the consumer group")
		_ = command.MarkFlagRequired("group")
	}
}

// busSource is a source that can also show the lag of a group, and replay messages.
type busSource interface {
	consume.Source
	consume.Operator
}

// openBus returns a source for topics. closeSource closes its connections. Errors do not show the URL, which may contain a password.
func openBus(text, group string, topics []string, start consume.Start) (source busSource, closeSource func(), err error) {
	if slices.Contains(topics, "") {
		return nil, nil, usageError{errors.New("TOPIC: found an empty name; want the full name of a topic, prefix included")}
	}
	switch scheme, _, _ := strings.Cut(text, ":"); scheme {
	case "redis", "rediss":
		source, err := redis.New(redis.Config{Server: redisbus.Config{URL: text}, Group: group, Topics: topics, Start: start})
		if invalid, ok := errors.AsType[*redisbus.ConfigError](err); ok && invalid.Field == "URL" {
			err = fmt.Errorf("--bus: %s; want redis://[[user]:password@]host[:port][/db], with special characters percent-encoded", invalid.Found)
		}
		if err != nil {
			return nil, nil, usageError{err}
		}
		return source, func() { _ = source.Close() }, nil
	case "kafka", "kafkas":
		c, _, err := kafkaConfig("--bus", text)
		if err != nil {
			return nil, nil, usageError{err}
		}
		source, err := kafka.New(kafka.Config{Config: c, Group: group, Topics: topics, Start: start})
		if err != nil {
			return nil, nil, usageError{asFlags("--bus", err)}
		}
		return source, func() {}, nil
	default:
		return nil, nil, usageError{fmt.Errorf("--bus: found an unknown scheme; want one of\n%s", busForms)}
	}
}

// shownMessage is the JSON form of a message that tail or deadletter list shows.
type shownMessage struct {
	Position   string               `json:"position"`
	Metadata   *signalcast.Metadata `json:"metadata,omitempty"`
	EventType  string               `json:"event_type,omitempty"`
	Error      string               `json:"error,omitempty"`
	DeadLetter map[string]string    `json:"dead_letter,omitempty"`
	Data       rawText              `json:"data,omitempty"`
}

// rawText is JSON that is written as it is.
type rawText []byte

func (r rawText) MarshalJSON() ([]byte, error) { return r, nil }

// showMessage writes a message with its data, or with the reason why it cannot be decoded.
func (s *session) showMessage(m *consume.Message, e *signalcast.Received, fault error) error {
	shown := shownMessage{Position: m.Position(), EventType: string(m.Attributes.Type)}
	for _, f := range m.Extra {
		if name, ok := strings.CutPrefix(f.Name, consume.FieldPrefix); ok {
			if shown.DeadLetter == nil {
				shown.DeadLetter = map[string]string{}
			}
			shown.DeadLetter[name] = f.Value
		}
	}
	when := m.Time
	if e != nil {
		data, err := e.AppendJSON(nil)
		if err != nil {
			fault = err
		}
		shown.Metadata, shown.EventType, shown.Data, when = &e.Metadata, "", data, e.Time
	}
	if fault != nil {
		shown.Error = fault.Error()
	}
	defer func() { _ = s.Flush() }()
	if s.format == formatJSON {
		return writeJSONLine(s, shown)
	}
	id := ""
	if e != nil {
		id = "  " + e.ID.String()
	}
	fmt.Fprintf(s, "%s  %s  %s%s\n", when.Format(time.RFC3339), shown.Position, m.Attributes.Type, id)
	if shown.DeadLetter != nil {
		fmt.Fprintf(s, "  of %s, %s attempts: %s\n", shown.DeadLetter["position"], shown.DeadLetter["attempts"], shown.DeadLetter["reason"])
	}
	switch {
	case fault != nil:
		fmt.Fprintf(s, "  unreadable: %v\n", fault)
	case shown.Data != nil:
		fmt.Fprintf(s, "  %s\n", shown.Data)
	}
	return nil
}

// reportTrouble writes why the broker cannot be read at present.
func (s *session) reportTrouble(err error) { fmt.Fprintf(s.Stderr, "%s: %v, retrying\n", s.Name, err) }
