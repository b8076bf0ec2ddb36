package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"time"

	hamba "github.com/hamba/avro/v2"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/shape"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/openedx/learning"
)

// The contests in this file need no server.

// The names of contenders.
const (
	ours         = "signalcast"
	oursKafka    = "signalcast, kafka-go"
	oursFranz    = "signalcast, franz-go"
	byHand       = "by hand"
	bareHamba    = "hamba/avro"
	bareRedis    = "go-redis"
	ordered      = "go-redis, one transaction at a time"
	bareRueidis  = "rueidis"
	bareFranz    = "franz-go"
	bareKafka    = "kafka-go Writer"
	rawSocket    = "raw socket"
	watermillLib = "watermill"
	reference    = "Python reference"

	franzDecoding = "franz-go, decoding"
	referenceIdle = "Python reference, not encoding"
)

// discard is a backend that acknowledges every message at once.
type discard struct{}

func (discard) Prepare(context.Context, []signalcast.Route) error { return nil }

//go:noinline
func (discard) Publish(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
	done(signalcast.Receipt{}, nil)
	return nil
}
func (discard) Flush(context.Context) error { return nil }
func (discard) Close(context.Context) error { return nil }

// newRegistry returns a registry with the signals of Open edX.
func newRegistry() (*signalcast.Registry, error) {
	r := signalcast.NewRegistry(signalcast.WithSource(openedx.Source("bench")), signalcast.WithSourceHost("bench-host"))
	return r, r.Register(openedx.Signals()...)
}

// dispatch returns a registry and a dispatcher that sends enrollment events to topics of b.
func dispatch(ctx context.Context, b signalcast.Backend, topics ...string) (*signalcast.Registry, *signalcast.Dispatcher, error) {
	r, err := newRegistry()
	if err != nil {
		return nil, nil, err
	}
	settings := map[string]signalcast.TopicConfig{}
	for _, topic := range topics {
		settings[topic] = signalcast.TopicConfig{EventKeyField: new(keyField), Enabled: new(true)}
	}
	config := signalcast.ProducerConfig{learning.CourseEnrollmentCreated.EventType(): settings}
	d, err := signalcast.NewDispatcher(ctx, r, config, b)
	return r, d, err
}

// send returns a contender that sends events to a number of topics of a backend that discards them.
func send(name string, topics int) (contender, error) {
	names := make([]string, topics)
	for i := range names {
		names[i] = fmt.Sprintf("topic-%d", i)
	}
	r, _, err := dispatch(context.Background(), discard{}, names...)
	if err != nil {
		return contender{}, err
	}
	events := newEvents()
	return contender{name: name, events: 250_000, run: func(ctx context.Context, n int) error {
		for i := range n {
			if err := learning.CourseEnrollmentCreated.Send(ctx, r, events[i%len(events)]); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func idle() (contest, error) {
	c := contest{name: idleContest, about: "A signal without receivers and enabled topics is sent. Other signals have topics."}
	r, err := newRegistry()
	if err != nil {
		return c, err
	}
	config, routes := signalcast.ProducerConfig{}, map[string][]string{}
	for _, signal := range openedx.Signals() {
		if signal.EventType() != learning.CourseEnrollmentCreated.EventType() {
			config[signal.EventType()] = map[string]signalcast.TopicConfig{"topic": {Keyless: new(true), Enabled: new(true)}}
			routes[signal.EventType()] = []string{"topic"}
		}
	}
	if _, err := signalcast.NewDispatcher(context.Background(), r, config, discard{}); err != nil {
		return c, err
	}
	event, eventType := newEvents()[0], learning.CourseEnrollmentCreated.EventType()
	const events = 5_000_000
	c.contenders = []contender{
		{name: ours, events: events, run: func(ctx context.Context, n int) error {
			for range n {
				if err := learning.CourseEnrollmentCreated.Send(ctx, r, event); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: byHand, events: events, run: func(_ context.Context, n int) error {
			for range n {
				if lookUp(routes, eventType, event) {
					return errText
				}
			}
			return nil
		}},
	}
	return c, nil
}

// lookUp is the least code for an event without receivers and topics: a map lookup.
//
//go:noinline
func lookUp(routes map[string][]string, eventType string, _ learning.CourseEnrollmentEvent) bool {
	return len(routes[eventType]) > 0
}

func wholeEvent() (contest, error) {
	c := contest{
		name:  wholeContest,
		about: "One event goes to one topic of a backend that discards it: ID, time, metadata, key, Avro, message.",
	}
	sender, err := send(ours, 1)
	if err != nil {
		return c, err
	}
	events := newEvents()
	backend, done := signalcast.Backend(discard{}), func(signalcast.Receipt, error) {}
	schema, lib := &signalcast.Schema{}, "1.0.0"
	c.contenders = []contender{sender, {name: byHand, events: sender.events, run: func(ctx context.Context, n int) error {
		for i := range n {
			if err := sendByHand(ctx, backend, schema, lib, events[i%len(events)], done); err != nil {
				return err
			}
		}
		return nil
	}}}
	return c, nil
}

// sendByHand is code that a service would write for this one event type and topic.
//
//go:noinline
func sendByHand(
	ctx context.Context, b signalcast.Backend, schema *signalcast.Schema, lib string, event learning.CourseEnrollmentEvent,
	done func(signalcast.Receipt, error),
) error {
	buffer, err := appendEvent(make([]byte, 0, 384), &event)
	if err != nil {
		return err
	}
	size := len(buffer)
	buffer = appendText(buffer, string(event.Enrollment.Course.CourseKey))
	m := &struct {
		message  signalcast.Message
		envelope signalcast.Envelope
	}{envelope: signalcast.Envelope{
		Metadata: signalcast.Metadata{
			ID: signalcast.NewUUID(), EventType: learning.CourseEnrollmentCreated.EventType(), Source: "openedx/bench/web",
			SourceHost: "bench-host", Time: time.Now().UTC(), SourceLib: lib,
		},
		Value: buffer[:size:size], ValueSchema: schema, ContentType: "application/avro",
	}}
	m.message = signalcast.Message{Topic: "topic-0", Key: buffer[size:], KeySchema: schema, Event: &m.envelope}
	return b.Publish(ctx, &m.message, done)
}

const (
	firstTopic   = "the first topic"
	furtherTopic = "each further topic"

	moreTopics = 10
)

func furtherTopics() (contest, error) {
	c := contest{
		name:  topicsContest,
		about: "One event goes to 1 and to 11 topics of a backend that discards it. The second line is a tenth of the difference.",
	}
	first, err := send(firstTopic, 1)
	if err != nil {
		return c, err
	}
	all, err := send(furtherTopic, 1+moreTopics)
	if err != nil {
		return c, err
	}
	further := contender{name: furtherTopic, events: 100_000, run: all.run, outside: func(ctx context.Context, n int) (sample, error) {
		one, err := cost(n, func() error { return first.run(ctx, n) })
		if err != nil {
			return one, err
		}
		many, err := cost(n, func() error { return all.run(ctx, n) })
		return sample{
			ns: (many.ns - one.ns) / moreTopics, cpu: (many.cpu - one.cpu) / moreTopics,
			allocs: (many.allocs - one.allocs) / moreTopics, bytes: (many.bytes - one.bytes) / moreTopics, heap: many.heap,
		}, err
	}}
	c.contenders = []contender{first, further}
	return c, nil
}

func avro() (contest, error) {
	c := contest{name: avroContest, about: "The event data, a nested record, is encoded into a buffer that is reused. " +
		"Code by hand checks UTF-8 with the standard library, signalcast eight bytes at a time."}
	events := newEvents()
	compiled, err := shape.Compile(reflect.TypeFor[learning.CourseEnrollmentEvent]())
	if err != nil {
		return c, err
	}
	encoder, err := signalcast.Avro().Compile(learning.CourseEnrollmentCreated)
	if err != nil {
		return c, err
	}
	schema, err := hamba.Parse(encoder.ValueSchema().Text)
	if err != nil {
		return c, err
	}
	writer := hamba.NewWriter(io.Discard, 512, hamba.WithWriterConfig(hamba.Config{DisableBlockSizeHeader: true}.Freeze()))
	var buffer []byte
	const rounds = 300_000
	c.contenders = []contender{
		{name: ours, events: rounds, run: func(_ context.Context, n int) error {
			for i := range n {
				var err error
				if buffer, err = compiled.AppendAvro(buffer[:0], shape.RefOf(&events[i%len(events)])); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: byHand, events: rounds, run: func(_ context.Context, n int) error {
			for i := range n {
				var err error
				if buffer, err = appendEvent(buffer[:0], &events[i%len(events)]); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: bareHamba, events: rounds, run: func(_ context.Context, n int) error {
			for i := range n {
				mirror, err := mirrored(&events[i%len(events)])
				if err != nil {
					return err
				}
				writer.Reset(io.Discard)
				writer.WriteVal(schema, &mirror)
				if writer.Error != nil {
					return writer.Error
				}
			}
			return nil
		}},
	}
	return c, nil
}

// mirror is the event data in types that hamba/avro can encode with the schema.
// Times are text.
type mirror struct {
	Enrollment struct {
		User   learning.UserData `avro:"user"`
		Course struct {
			CourseKey   string  `avro:"course_key"`
			DisplayName string  `avro:"display_name"`
			Start       *string `avro:"start"`
			End         *string `avro:"end"`
		} `avro:"course"`
		Mode         string             `avro:"mode"`
		IsActive     bool               `avro:"is_active"`
		CreationDate string             `avro:"creation_date"`
		CreatedBy    *learning.UserData `avro:"created_by"`
	} `avro:"enrollment"`
}

func mirrored(event *learning.CourseEnrollmentEvent) (m mirror, err error) {
	e, into := &event.Enrollment, &m.Enrollment
	text := func(t time.Time) string { return string(appendTime(make([]byte, 0, 40), t)) }
	into.User, into.CreatedBy = e.User, e.CreatedBy
	into.Course.CourseKey, into.Course.DisplayName = string(e.Course.CourseKey), e.Course.DisplayName
	if e.Course.Start != nil {
		into.Course.Start = new(text(*e.Course.Start))
	}
	if e.Course.End != nil {
		into.Course.End = new(text(*e.Course.End))
	}
	into.Mode, into.IsActive, into.CreationDate = e.Mode, e.IsActive, text(e.CreationDate)
	return m, e.Course.CourseKey.Validate()
}
