package cli

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/avro"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

func (s *session) explain() *cobra.Command {
	var flags eventFlags
	var kafka kafkaFlags
	command := s.withAction(&cobra.Command{
		Use:   "explain --config CONFIG... EVENT_TYPE",
		Short: "Show where an event is sent, and its bytes, without a broker",
		Long: `Show the topics of an event type, and which file and line enables or disables
each. explain needs no broker.

With --data, also show the key and the value as text and bytes, the Kafka headers,
and the fields of the Redis stream entry.

With --key-schema-id, also show the bytes of the Kafka key. They contain the ID that
the schema registry assigned to the schema of the key. With --partitions, also show
the partition. It is the one that the Python producer chooses.`,
		Example: "  " + s.Name + " explain org.openedx.learning.course.enrollment.created.v1 --config site.yaml\n" +
			"  " + s.Name + " explain org.openedx.learning.course.enrollment.created.v1 -c site.yaml --data event.json --key-schema-id 7 --partitions 12",
		Args:              arguments(1, 1, "one EVENT_TYPE"),
		ValidArgsFunction: s.completeEventType,
	}, func(ctx context.Context, args []string) error {
		if err := kafka.check(flags.dataFile != ""); err != nil {
			return err
		}
		e, err := flags.read(s, args[0])
		if err != nil {
			return err
		}
		explained, err := e.explain(ctx, s, kafka)
		if err != nil {
			return err
		}
		if s.format == formatJSON {
			return writeJSON(s, explained)
		}
		s.writeExplanation(explained, e)
		return nil
	})
	flags.add(command)
	command.Flags().IntVar(&kafka.partitions, "partitions", 0, "the `NUMBER` of partitions of the topics")
	command.Flags().Uint32Var(&kafka.keySchemaID, "key-schema-id", 0, "the `ID` of the key's schema in the schema registry")
	return command
}

// kafkaFlags describe a Kafka cluster. 0 means unknown.
type kafkaFlags struct {
	partitions  int
	keySchemaID uint32
}

func (k kafkaFlags) check(withData bool) error {
	switch {
	case k.partitions < 0 || k.partitions > math.MaxInt32:
		return usageError{fmt.Errorf("--partitions: found %d; want 1 to %d", k.partitions, math.MaxInt32)}
	case k.partitions > 0 && k.keySchemaID == 0:
		return usageError{errors.New("--partitions: found no --key-schema-id; want both, since the Kafka key contains the ID")}
	case k.keySchemaID > 0 && !withData:
		return usageError{errors.New("--key-schema-id: found no --data; want both")}
	default:
		return nil
	}
}

// explanation is the output of explain.
type explanation struct {
	EventType string   `json:"event_type"`
	Topics    []*topic `json:"topics"`
	// Event is nil without data, and if the event is sent to no topic.
	Event *encoded `json:"event,omitempty"`
}

// topic is one topic of the event, with its message.
type topic struct {
	destination

	Message *message `json:"message,omitempty"`
}

// message is the part of a message that differs between topics. It is empty without a key.
type message struct {
	KeySchema string          `json:"key_schema,omitempty"`
	KeyText   json.RawMessage `json:"key,omitempty"`
	KeyHex    string          `json:"key_hex,omitempty"`
	FramedHex string          `json:"kafka_key_hex,omitempty"`
	Partition *int            `json:"kafka_partition,omitempty"`
}

// encoded is the part of a message that is the same for all topics.
type encoded struct {
	Metadata     signalcast.Metadata `json:"metadata"`
	ValueText    json.RawMessage     `json:"value"`
	ValueHex     string              `json:"value_hex"`
	KafkaHeaders []field             `json:"kafka_headers"`
	RedisEntry   []field             `json:"redis_entry"`
}

// field is a header or a field of an entry. Text is empty if the bytes are not text.
type field struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
	Hex  string `json:"hex"`
}

func textField(name, text string) field { return field{name, text, hex.EncodeToString([]byte(text))} }

func (e *event) explain(ctx context.Context, s *session, kafka kafkaFlags) (*explanation, error) {
	explained := &explanation{EventType: e.eventType, Topics: []*topic{}}
	byName := map[string]*topic{}
	for _, d := range e.destinations(e.flags.prefix) {
		t := &topic{destination: d}
		byName[d.FullTopic] = t
		explained.Topics = append(explained.Topics, t)
	}
	if e.data == nil {
		return explained, nil
	}
	d, err := e.dispatcher(ctx, s, memory.New())
	if err != nil {
		return nil, err
	}
	messages, err := d.Plan(e.eventType, e.data, e.options...)
	if err := errors.Join(e.locate(err), d.Close(ctx)); err != nil {
		return nil, err
	}
	for _, m := range messages {
		if byName[m.Topic].Message, err = newMessage(m, kafka); err != nil {
			return nil, err
		}
		if explained.Event == nil {
			if explained.Event, err = newEncoded(m); err != nil {
				return nil, err
			}
		}
	}
	return explained, nil
}

func newMessage(m *signalcast.Message, kafka kafkaFlags) (*message, error) {
	shown := &message{}
	if m.Key == nil {
		return shown, nil
	}
	text, err := decoded(m.KeySchema, m.Key)
	if err != nil {
		return nil, err
	}
	shown.KeySchema, shown.KeyText, shown.KeyHex = m.KeySchema.Text, text, hex.EncodeToString(m.Key)
	if kafka.keySchemaID > 0 {
		framed := kafkabus.Framed(kafka.keySchemaID, m.Key)
		shown.FramedHex = hex.EncodeToString(framed)
		if kafka.partitions > 0 {
			shown.Partition = new(kafkabus.Partition(framed, kafka.partitions))
		}
	}
	return shown, nil
}

func newEncoded(m *signalcast.Message) (*encoded, error) {
	text, err := decoded(m.Event.ValueSchema, m.Event.Value)
	if err != nil {
		return nil, err
	}
	entry := redis.NewEntry(m)
	var headers []field
	for _, h := range kafkabus.Headers(m.Event) {
		headers = append(headers, textField(h.Key, string(h.Value)))
	}
	return &encoded{
		Metadata: m.Event.Metadata, ValueText: text, ValueHex: hex.EncodeToString(m.Event.Value),
		KafkaHeaders: headers,
		RedisEntry: []field{
			textField("type", entry.Type),
			textField("id", entry.ID),
			textField("source", entry.Source),
			textField("time", entry.Time),
			textField("minorversion", strconv.FormatInt(entry.MinorVersion, 10)),
			textField("sourcehost", entry.SourceHost),
			textField("sourcelib", entry.SourceLib),
			{Name: "event_data", Hex: hex.EncodeToString(entry.EventData)},
		},
	}, nil
}

// decoded returns the JSON form of Avro bytes.
func decoded(schema *signalcast.Schema, data []byte) (json.RawMessage, error) {
	value, err := avro.Decode(schema, data)
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func (s *session) writeExplanation(explained *explanation, e *event) {
	s.printf("event type  %s\n", explained.EventType)
	if len(explained.Topics) == 0 {
		s.printf("not sent    %s\n", e.whyNotSent())
	}
	for _, t := range explained.Topics {
		sent := s.paint(green, "sent")
		if !t.Sent {
			sent = s.paint(yellow, "not sent")
		}
		s.printf("\ntopic       %s: %s, %s\n  key path    %s\n", t.FullTopic, sent, t.Why, t.Key.key())
		if t.Mode != nil {
			s.printf("  mode        %s\n", t.Mode)
		}
		if t.Message == nil {
			continue
		}
		for _, line := range []struct{ name, text string }{
			{"key schema", t.Message.KeySchema},
			{"key", string(t.Message.KeyText)},
			{"key bytes", t.Message.KeyHex},
			{"Kafka key", t.Message.FramedHex},
		} {
			if line.text != "" {
				s.printf("  %-10s  %s\n", line.name, line.text)
			}
		}
		if t.Message.Partition != nil {
			s.printf("  %-10s  %d\n", "partition", *t.Message.Partition)
		}
	}
	if explained.Event == nil {
		return
	}
	s.printf("\nvalue       %s\nvalue bytes %s\n", explained.Event.ValueText, explained.Event.ValueHex)
	for _, part := range []struct {
		title  string
		fields []field
	}{{"Kafka headers", explained.Event.KafkaHeaders}, {"Redis entry", explained.Event.RedisEntry}} {
		s.printf("\n%s\n", part.title)
		for _, f := range part.fields {
			text := f.Text
			if text == "" && f.Hex != "" {
				text = "the value bytes above"
			}
			s.printf("  %-18s  %s\n", f.Name, text)
		}
	}
}
