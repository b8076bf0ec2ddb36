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

// topicReader reads messages of topics for a command, one at a time.
type topicReader struct {
	source   consume.Source
	registry *signalcast.Registry
	// show writes a message. If the message cannot be decoded, e is nil and fault is the reason.
	show func(m *consume.Message, e *signalcast.Received, fault error) error
	// publish is called with each message instead of show, unless it is nil. A message is acknowledged after publish returns nil.
	publish func(ctx context.Context, m *consume.Message) error
	limit   int           // the number of messages after which reading ends; 0 means no limit
	idle    time.Duration // the time without a message after which reading ends; 0 means no limit
	report  func(trouble error)

	ctx  context.Context //nolint:containedctx // of run
	stop context.CancelCauseFunc

	mu        sync.Mutex
	idleTimer *time.Timer // nil if idle is 0
	read      int         // the number of messages read
}

// run reads until ctx ends, limit messages are read, showing or publishing one fails, or no message comes for the idle time. In the
// last case, run returns an error if the source cannot be read.
func (r *topicReader) run(ctx context.Context) error {
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
		r.idleTimer = time.AfterFunc(r.idle, func() { r.stop(troubleOf(consumer)) })
		defer r.idleTimer.Stop()
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

func (r *topicReader) consumer() (*consume.Consumer, error) {
	c := consume.Config{Concurrency: 1, Grace: time.Second, FailUnknown: true, MaxDeliveries: -1, HandleAll: true}
	if r.publish != nil {
		// Each message fails, so the consumer publishes it as a dead letter and then acknowledges it. The source
		// passes the dead letter to r.publish.
		c.Handle = func(context.Context, *signalcast.Received) error { return consume.ErrPermanent }
		return consume.New(r.registry, republishingSource{r.source, r}, c)
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

// republishingSource is a source that passes its dead letters to the reader instead of a dead-letter topic.
type republishingSource struct {
	consume.Source

	reader *topicReader
}

func (s republishingSource) Publish(ctx context.Context, _ string, m *consume.Message, _ []consume.Field) error {
	return s.reader.next(func() error { return s.reader.publish(ctx, m) })
}

// next calls f for the next message, and counts the message. It returns an error without calling f if reading has ended. An error
// of f ends reading.
func (r *topicReader) next(f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.idleTimer != nil {
		r.idleTimer.Stop() // f may wait for the broker
	}
	defer r.restartIdleTimer()
	if err := f(); err != nil {
		r.stop(err)
		return err
	}
	if r.read++; r.read == r.limit {
		r.stop(nil)
	}
	return nil
}

func (r *topicReader) restartIdleTimer() {
	if r.idleTimer != nil {
		r.idleTimer.Reset(r.idle)
	}
}

// watch reports each new trouble of the source, until reading ends. The idle time of a group begins when the group has partitions.
func (r *topicReader) watch(consumer *consume.Consumer, ended chan<- struct{}) {
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
			r.restartIdleTimer() // a broker may assign partitions to a new member only after some seconds
		}
		for _, trouble := range status.Troubles {
			if text := trouble.Err.Error(); text != last {
				last = text
				r.report(trouble.Err)
			}
		}
	}
}

// troubleOf returns the reason why the source cannot be read, or nil. A missing topic is no reason: it has no messages.
func troubleOf(consumer *consume.Consumer) error {
	for _, trouble := range consumer.Status().Troubles {
		if !isMissingTopic(trouble.Err) {
			return trouble.Err
		}
	}
	return nil
}

func isMissingTopic(err error) bool { return errors.Is(err, kerr.UnknownTopicOrPartition) }

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
