package adminhttp

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/signalcast/signalcast"
)

// maxPartitions is the greatest number of partitions that a dry run accepts.
const maxPartitions = 1 << 20

// tryInput is the JSON body of a dry run. tryPosted fills it from the form.
type tryInput struct {
	EventType string          `json:"event_type"`
	Data      json.RawMessage `json:"data"`
	// Metadata is the metadata of the event. The default is new metadata.
	Metadata json.RawMessage `json:"metadata"`
	// KeySchemaID is the ID of the key's schema in the schema registry. 0 means unknown.
	KeySchemaID uint32 `json:"key_schema_id"`
	// Partitions is the number of partitions of the topics. 0 means unknown.
	Partitions int `json:"partitions"`
}

// tryView is the result of a dry run.
type tryView struct {
	EventType string     `json:"event_type"`
	Sent      bool       `json:"sent"` // always false
	Topics    []tryTopic `json:"topics"`
	// Event is nil if the event would be published to no topic.
	Event *tryEvent `json:"event,omitempty"`
}

// tryTopic is a topic that is configured for the event type.
type tryTopic struct {
	Topic   string          `json:"full_topic"`
	Sent    bool            `json:"sent"` // whether the event would be published there
	Why     string          `json:"why"`
	Mode    signalcast.Mode `json:"mode"`
	KeyPath string          `json:"key_path,omitempty"`
	Message *tryMessage     `json:"message,omitempty"`
	Key     string          `json:"-"` // of the route, for the link to its page
}

// tryMessage has the part of a message that differs between topics: the key. It is empty for a keyless topic.
type tryMessage struct {
	KeySchema string `json:"key_schema,omitempty"`
	KeyText   string `json:"key,omitempty"`
	KeyHex    string `json:"key_hex,omitempty"`
	FramedHex string `json:"kafka_key_hex,omitempty"`
	Partition *int   `json:"kafka_partition,omitempty"`
}

// tryEvent has the part of a message that is the same in all topics.
type tryEvent struct {
	Metadata signalcast.Metadata `json:"metadata"`
	// Value is the event data as JSON, decoded from the bytes. It is nil if the bytes cannot be decoded.
	Value        json.RawMessage `json:"value,omitempty"`
	ValueHex     string          `json:"value_hex"`
	KafkaHeaders []fieldView     `json:"kafka_headers"`
	RedisEntry   []fieldView     `json:"redis_entry"`
}

// dryRun returns what would be published. It does not send, store or log the event.
func (h *Handler) dryRun(in *tryInput) (*tryView, error) {
	switch {
	case in.Partitions < 0 || in.Partitions > maxPartitions:
		return nil, &inputError{"partitions", "found " + strconv.Itoa(in.Partitions), "1 to " + strconv.Itoa(maxPartitions)}
	case in.Partitions > 0 && in.KeySchemaID == 0:
		return nil, &inputError{"key_schema_id", "found none beside partitions", "both, since the Kafka key contains the ID"}
	}
	var options []signalcast.SendOption
	if len(in.Metadata) > 0 && string(in.Metadata) != "null" {
		var m signalcast.Metadata
		if err := json.Unmarshal(in.Metadata, &m); err != nil {
			return nil, &inputError{"metadata", strings.TrimPrefix(err.Error(), "metadata: "), "a JSON object with the attributes of an event"}
		}
		m.EventType = cmp.Or(m.EventType, in.EventType)
		options = append(options, signalcast.WithMetadata(m))
	}
	messages, err := h.config.Dispatcher.Plan(in.EventType, in.Data, options...)
	if err != nil {
		return nil, err //nolint:wrapcheck // the page shows it
	}
	s := h.snapshot()
	v := &tryView{EventType: in.EventType, Topics: []tryTopic{}}
	for _, r := range s.configuredRoutes(in.EventType) {
		t := tryTopic{Topic: r.Topic, Why: h.why(s, &r), Mode: r.Mode, KeyPath: r.KeyPath, Key: r.key}
		i := slices.IndexFunc(messages, func(m *signalcast.Message) bool { return m.Topic == r.Topic })
		if i >= 0 {
			t.Sent, t.Message = true, h.tryMessage(in, messages[i], r.KeyPath)
		}
		v.Topics = append(v.Topics, t)
	}
	if len(messages) > 0 {
		v.Event = h.tryEvent(messages[0])
	}
	return v, nil
}

func (h *Handler) tryMessage(in *tryInput, m *signalcast.Message, keyPath string) *tryMessage {
	v := &tryMessage{}
	if m.Key == nil {
		return v
	}
	v.KeyHex, v.KeySchema = hex.EncodeToString(m.Key), schemaText(m.KeySchema)
	v.KeyText = string(m.Key)
	if m.KeySchema != nil {
		v.KeyText = h.keyText(m, keyPath)
	}
	if in.KeySchemaID > 0 {
		key := framed(in.KeySchemaID, m.Key)
		v.FramedHex = hex.EncodeToString(key)
		if in.Partitions > 0 {
			p := partition(key, in.Partitions)
			v.Partition = &p
		}
	}
	return v
}

// keyText returns the key as text, or "" if the data cannot be decoded.
func (h *Handler) keyText(m *signalcast.Message, path string) string {
	received, err := h.config.Registry.Decode(m.Event.Metadata, m.Event.ValueSchema, m.Event.Value)
	if err != nil {
		return ""
	}
	text, err := received.AppendKey(nil, path)
	if err != nil {
		return ""
	}
	return string(text)
}

func (h *Handler) tryEvent(m *signalcast.Message) *tryEvent {
	v := &tryEvent{
		Metadata: m.Event.Metadata, ValueHex: hex.EncodeToString(m.Event.Value), KafkaHeaders: kafkaHeaders(m), RedisEntry: redisEntry(m),
	}
	switch {
	case m.Event.ValueSchema == nil && json.Valid(m.Event.Value):
		v.Value = m.Event.Value
	case m.Event.ValueSchema != nil:
		if received, err := h.config.Registry.Decode(m.Event.Metadata, m.Event.ValueSchema, m.Event.Value); err == nil {
			v.Value, _ = received.AppendJSON(nil) // nil if it cannot be JSON
		}
	}
	return v
}

// tryPage has the data of the page of a dry run.
type tryPage struct {
	EventTypes []string
	EventType  string
	Data       string
	Metadata   string
	// KeySchemaID and Partitions are the texts of the form, which may be invalid.
	KeySchemaID, Partitions string
	Result                  *tryView
	Failed                  *apiError
	NoSample                string // why there is no sample, or empty
}

// tryForm shows the form with a sample of the event type in the query, or of the first one.
func (h *Handler) tryForm(q *request) {
	p := tryPage{EventTypes: h.eventTypes(), EventType: q.URL.Query().Get("event_type")}
	status := http.StatusOK
	if p.EventType == "" && len(p.EventTypes) > 0 {
		p.EventType = p.EventTypes[0]
	}
	if p.EventType != "" {
		sample, err := h.config.Registry.Sample(p.EventType)
		switch {
		case errors.Is(err, signalcast.ErrNotRegistered):
			status, p.NoSample = http.StatusNotFound, err.Error()
		case err != nil:
			p.NoSample = err.Error()
		default:
			p.Data = indented(sample)
		}
	}
	h.show(q, status, "try", "Dry run", h.snapshot(), p)
}

// indented returns JSON with line breaks and indentation.
func indented(text []byte) string {
	pretty, err := json.MarshalIndent(json.RawMessage(text), "", "  ")
	if err != nil {
		return string(text)
	}
	return string(pretty)
}

// Text returns the data of the event with line breaks.
func (e *tryEvent) Text() string { return indented(e.Value) }

func (h *Handler) tryPosted(q *request) {
	if !q.readForm() {
		return
	}
	form := q.PostForm
	p := tryPage{
		EventTypes: h.eventTypes(), EventType: form.Get("event_type"), Data: form.Get("data"), Metadata: form.Get("metadata"),
		KeySchemaID: form.Get("key_schema_id"), Partitions: form.Get("partitions"),
	}
	in := tryInput{EventType: p.EventType, Data: []byte(p.Data), Metadata: []byte(p.Metadata)}
	err := in.readNumbers(p.KeySchemaID, p.Partitions)
	if err == nil {
		p.Result, err = h.dryRun(&in)
	}
	status := http.StatusOK
	if err != nil {
		failed := newAPIError(err)
		status, p.Failed = http.StatusUnprocessableEntity, &failed
	}
	h.show(q, status, "try", "Dry run", h.snapshot(), p)
}

func (in *tryInput) readNumbers(keySchemaID, partitions string) error {
	if keySchemaID != "" {
		id, err := strconv.ParseUint(keySchemaID, 10, 32)
		if err != nil {
			return &inputError{"key_schema_id", "found " + strconv.Quote(keySchemaID), "a number"}
		}
		in.KeySchemaID = uint32(id)
	}
	if partitions != "" {
		n, err := strconv.Atoi(partitions)
		if err != nil {
			return &inputError{"partitions", "found " + strconv.Quote(partitions), "a number"}
		}
		in.Partitions = n
	}
	return nil
}

func (h *Handler) apiTry(q *request) {
	var in tryInput
	if !q.readJSON(&in) {
		return
	}
	v, err := h.dryRun(&in)
	if err != nil {
		q.writeError(err)
		return
	}
	q.writeJSON(http.StatusOK, v)
}
