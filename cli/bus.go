package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"

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

// reading is a consumer that gives messages to the command, one at a time.
type reading struct {
	source   consume.Source
	registry *signalcast.Registry
	// show writes a message. fault says why it cannot be read; e is nil then.
	show func(m *consume.Message, e *signalcast.Received, fault error) error
	// publish gets each message instead of show, if it is set. The message is acknowledged after publish has returned nil.
	publish func(ctx context.Context, m *consume.Message) error
	count   int           // of messages; 0 means no limit
	idle    time.Duration // without a message, after which reading ends; 0 means never
	report  func(trouble error)

	ctx  context.Context //nolint:containedctx // of run
	stop context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // of idle, or nil
	done  int
}

// run reads until ctx ends, the messages are read, or one of them fails. It returns an error if the source cannot be read when
// no message has come for the idle time.
func (r *reading) run(ctx context.Context) error {
	if r.idle < 0 {
		return usageError{fmt.Errorf("--idle: found %v; want a duration such as 15s, or 0 for no limit", r.idle)}
	}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	consumer, err := r.consumer()
	if err != nil {
		return err
	}
	if r.idle > 0 {
		r.timer = time.AfterFunc(r.idle, func() { r.stop(troubleOf(consumer)) })
		defer r.timer.Stop()
	}
	ended := make(chan struct{})
	go r.watch(consumer, ended)
	err = consumer.Run(r.ctx)
	r.stop(nil)
	<-ended
	if cause := context.Cause(r.ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

func (r *reading) consumer() (*consume.Consumer, error) {
	c := consume.Config{Concurrency: 1, Grace: time.Second, FailUnknown: true, MaxDeliveries: -1, HandleAll: true}
	if r.publish != nil {
		// The consumer acknowledges a message that failed after it was published.
		c.Handle = func(context.Context, *signalcast.Received) error { return consume.ErrPermanent }
		return consume.New(r.registry, republishing{r.source, r}, c)
	}
	show := func(m *consume.Message, e *signalcast.Received, fault error) {
		_ = r.next(func() error { return r.show(m, e, fault) })
	}
	c.OnFailure = consume.Drop
	c.Hooks.Dropped = func(m *consume.Message, err error) { show(m, nil, err) }
	c.Handle = func(ctx context.Context, e *signalcast.Received) error {
		m, _ := consume.MessageFrom(ctx)
		show(m, e, nil)
		return nil
	}
	return consume.New(r.registry, r.source, c)
}

// republishing is a source whose dead letters go to the command.
type republishing struct {
	consume.Source

	reading *reading
}

func (p republishing) Publish(ctx context.Context, _ string, m *consume.Message, _ []consume.Field) error {
	return p.reading.next(func() error { return p.reading.publish(ctx, m) })
}

// next calls f for a message, unless reading has ended. An error ends it.
func (r *reading) next(f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.wait()
	if err := f(); err != nil {
		r.stop(err)
		return err
	}
	if r.done++; r.done == r.count {
		r.stop(nil)
	}
	return nil
}

// wait begins the idle time again.
func (r *reading) wait() {
	if r.timer != nil {
		r.timer.Reset(r.idle)
	}
}

// watch reports troubles of the source, each once, until reading ends. The idle time of a group begins when it has a place.
func (r *reading) watch(consumer *consume.Consumer, ended chan<- struct{}) {
	defer close(ended)
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	last := ""
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticks.C:
		}
		status := consumer.Status()
		if status.Group != "" && len(status.Feeds) == 0 && len(status.Troubles) == 0 {
			r.wait() // brokers may let new members of a group wait for some seconds
		}
		for _, trouble := range status.Troubles {
			if text := trouble.Err.Error(); text != last {
				last = text
				r.report(trouble.Err)
			}
		}
	}
}

// troubleOf returns why a source cannot be read, or nil. A topic that does not exist has no messages.
func troubleOf(consumer *consume.Consumer) error {
	for _, trouble := range consumer.Status().Troubles {
		if !isMissingTopic(trouble.Err) {
			return trouble.Err
		}
	}
	return nil
}

func isMissingTopic(err error) bool { return errors.Is(err, kerr.UnknownTopicOrPartition) }

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
