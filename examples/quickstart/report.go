package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/avro"
)

// report collects the events that were sent and the messages that were delivered.
type report struct {
	provenance *signalcast.Provenance
	sent       []string // event types

	mu   sync.Mutex // hooks are called on the backend's goroutines
	rows []row
	errs []error
}

type row struct {
	eventType, topic, key, headers, value string
}

func (r *report) sending(eventType string) { r.sent = append(r.sent, eventType) }

// delivered is called by the dispatcher for each delivered message. It copies
// what it needs, because m is valid only until it returns.
func (r *report) delivered(m *signalcast.Message, _ signalcast.Receipt) {
	key, keyErr := decoded(m.KeySchema, m.Key)
	value, valueErr := decoded(m.Event.ValueSchema, m.Event.Value)
	headers := fmt.Sprintf("id=%s time=%s source=%s sourcehost=%s sourcelib=%s minorversion=%d",
		m.Event.ID, m.Event.AppendTime(nil), m.Event.Source, m.Event.SourceHost, m.Event.SourceLib, m.Event.MinorVersion)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, keyErr, valueErr)
	r.rows = append(r.rows, row{m.Event.EventType, m.Topic, key, headers, value})
}

func decoded(schema *signalcast.Schema, data []byte) (string, error) {
	value, err := avro.Decode(schema, data)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(value)
	return string(text), err
}

func (r *report) print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TOPIC\tKEY\tENABLED BY\tKEY FIELD BY")
	for _, eventType := range r.sent {
		for _, row := range r.of(eventType) {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n",
				row.topic, row.key, r.decided(row, "enabled"), r.decided(row, "event_key_field"))
		}
	}
	if err := errors.Join(append(r.errs, table.Flush())...); err != nil {
		return err
	}
	for _, eventType := range r.sent {
		fmt.Fprintf(out, "\n%s\n", eventType)
		published := r.of(eventType)
		for _, row := range published {
			fmt.Fprintf(out, "  to       %s\n", row.topic)
		}
		if len(published) == 0 {
			fmt.Fprintln(out, "  to       no topic: none is enabled")
			continue
		}
		fmt.Fprintf(out, "  headers  %s\n  value    %s\n", published[0].headers, published[0].value)
	}
	return nil
}

func (r *report) of(eventType string) []row {
	rows := slices.DeleteFunc(slices.Clone(r.rows), func(row row) bool { return row.eventType != eventType })
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.topic, b.topic) })
	return rows
}

// decided returns the layer and the line that set a field of a topic.
func (r *report) decided(row row, field string) string {
	settings := r.provenance.Settings(row.eventType, strings.TrimPrefix(row.topic, "dev-"), field)
	last := settings[len(settings)-1]
	if last.Line == 0 {
		return last.Layer
	}
	return fmt.Sprintf("%s:%d", last.Layer, last.Line)
}
