package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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

// busFlags say what to read.
type busFlags struct{ url, group string }

// add adds the flag of the broker, and that of the group if the command needs one.
func (f *busFlags) add(command *cobra.Command, group bool) {
	command.Flags().StringVar(&f.url, "bus", "", "the `URL` of the broker")
	_ = command.MarkFlagRequired("bus")
	if group {
		command.Flags().StringVar(&f.group, "group", "", "the `NAME` of the consumer group")
		_ = command.MarkFlagRequired("group")
	}
}

// busSource is a source with what operators need.
type busSource interface {
	consume.Source
	consume.Operator
}

// openBus returns a source for topics. close ends its connections. Errors do not show the URL, which may contain a password.
func openBus(text, group string, topics []string, start consume.Start) (source busSource, closeSource func(), err error) {
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

// reading is a consumer that gives messages to the command, one at a time.
type reading struct {
	source   consume.Source
	registry *signalcast.Registry
	show     func(m *consume.Message, e *signalcast.Received, fault error) error
	count    int           // of messages to show; 0 means no limit
	idle     time.Duration // without a message, after which reading ends; 0 means never
	report   func(trouble error)

	mu    sync.Mutex
	shown int
}

// run reads until ctx ends, the messages are read, or show fails.
func (r *reading) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var idle *time.Timer
	if r.idle > 0 {
		idle = time.AfterFunc(r.idle, func() { stop(nil) })
		defer idle.Stop()
	}
	next := func(m *consume.Message, e *signalcast.Received, fault error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if idle != nil {
			idle.Reset(r.idle)
		}
		if ctx.Err() != nil {
			return
		}
		if err := r.show(m, e, fault); err != nil {
			stop(err)
			return
		}
		if r.shown++; r.shown == r.count {
			stop(nil)
		}
	}
	consumer, err := consume.New(r.registry, r.source, consume.Config{
		Concurrency: 1, OnFailure: consume.Drop, Grace: time.Second, FailUnknown: true, MaxDeliveries: -1, HandleAll: true,
		Handle: func(ctx context.Context, e *signalcast.Received) error {
			m, _ := consume.MessageFrom(ctx)
			next(m, e, nil)
			return context.Cause(ctx)
		},
		Hooks: consume.Hooks{Dropped: func(m *consume.Message, err error) { next(m, nil, err) }},
	})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go r.watch(ctx, consumer, ended)
	err = consumer.Run(ctx)
	stop(nil)
	<-ended
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// watch reports troubles of the source, each once, until ctx ends.
func (r *reading) watch(ctx context.Context, consumer *consume.Consumer, ended chan<- struct{}) {
	defer close(ended)
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		for _, trouble := range consumer.Status().Troubles {
			if text := trouble.Err.Error(); text != last {
				last = text
				r.report(trouble.Err)
			}
		}
	}
}

// shownMessage is the JSON form of a message.
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

// showMessage writes a message and its data.
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

// reportTrouble writes that the broker cannot be read at present.
func (s *session) reportTrouble(err error) { fmt.Fprintf(s.Stderr, "%s: %v, retrying\n", s.Name, err) }
