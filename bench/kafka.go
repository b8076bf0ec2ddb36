package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	watermill "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/openedx/learning"
)

// buffered is the number of messages in flight: the default of franz-go and of
// the backends of signalcast.
const buffered = 10_000

// kafkaContests holds the connections to one broker.
type kafkaContests struct {
	brokers  []string
	registry string
	admin    *kadm.Client
	events   []learning.CourseEnrollmentEvent
	headers  [10]header
	closers  []func(context.Context) error
}

type header struct {
	key   string
	value []byte
}

func newKafkaContests(broker, registry string) (*kafkaContests, error) {
	admin, err := kadm.NewOptClient(kgo.SeedBrokers(broker))
	if err != nil {
		return nil, err
	}
	c := &kafkaContests{brokers: []string{broker}, registry: registry, admin: admin, events: newEvents()}
	for i, h := range [10][2]string{
		{"ce_specversion", "1.0"},
		{"content-type", "application/avro"},
		{"ce_datacontenttype", "application/avro"},
		{"ce_type", learning.CourseEnrollmentCreated.EventType()},
		{"ce_id", ""},
		{"ce_source", eventSource},
		{"ce_time", ""},
		{"ce_minorversion", "0"},
		{"sourcehost", eventHost},
		{"sourcelib", eventLib},
	} {
		c.headers[i] = header{h[0], []byte(h[1])}
	}
	c.closers = append(c.closers, func(context.Context) error { admin.Close(); return nil })
	return c, nil
}

func (c *kafkaContests) close(ctx context.Context) error {
	var errs []error
	for _, f := range c.closers {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}

// newContender returns a contender with a new topic.
func (c *kafkaContests) newContender(ctx context.Context, name, topic string, partitions int32, events int, run func(ctx context.Context, n int) error) (contender, error) {
	created, err := c.admin.CreateTopics(ctx, partitions, 1, nil, topic)
	if err == nil {
		err = created.Error()
	}
	if err != nil {
		return contender{}, err
	}
	for range 100 { // brokers learn of the topic after a moment
		if _, err = c.end(ctx, topic); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return contender{name: name, events: events, run: run, stored: func(ctx context.Context) (int, error) { return c.end(ctx, topic) }}, err
}

// end returns the number of records that were ever added to a topic.
func (c *kafkaContests) end(ctx context.Context, topic string) (int, error) {
	offsets, err := c.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	total := 0
	offsets.Each(func(o kadm.ListedOffset) {
		err = errors.Join(err, o.Err)
		total += int(o.Offset)
	})
	return total, err
}

// setHeaders calls set with each header of r, in order.
func (c *kafkaContests) setHeaders(r *record, set func(i int, key string, value []byte)) {
	for i, h := range c.headers {
		switch h.key {
		case "ce_id":
			h.value = []byte(r.id)
		case "ce_time":
			h.value = []byte(r.time)
		}
		set(i, h.key, h.value)
	}
}

// signalcast returns functions that send to a topic with SendAsync and with Send.
func (c *kafkaContests) signalcast(ctx context.Context, b signalcast.Backend, topic string) (async, waiting func(ctx context.Context, n int, callers int) error, err error) {
	r, d, err := dispatch(ctx, b, topic)
	if err != nil {
		return nil, nil, err
	}
	c.closers = append(c.closers, d.Close)
	async = func(ctx context.Context, n, _ int) error {
		before := d.Stats().Failed
		for i := range n {
			if _, err := learning.CourseEnrollmentCreated.SendAsync(ctx, r, c.events[i%len(c.events)]); err != nil {
				return err
			}
		}
		err := d.Flush(ctx)
		if failed := d.Stats().Failed - before; failed > 0 {
			err = fmt.Errorf("%d messages failed", failed)
		}
		return err
	}
	waiting = func(ctx context.Context, n, callers int) error {
		return together(callers, n, func(_, i int) error {
			return learning.CourseEnrollmentCreated.Send(ctx, r, c.events[i%len(c.events)])
		})
	}
	return async, waiting, nil
}

func (c *kafkaContests) franz(topic string) (async, waiting func(ctx context.Context, n int, callers int) error, err error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.brokers...), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(buffered), kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(r *kgo.Record, partitions int) int { return int(crc32.ChecksumIEEE(r.Key)) % partitions }
		})),
	)
	if err != nil {
		return nil, nil, err
	}
	c.closers = append(c.closers, func(context.Context) error { client.Close(); return nil })
	next := func(i int) (*kgo.Record, error) {
		r, err := encode(&c.events[i%len(c.events)])
		record := &kgo.Record{Topic: topic, Key: r.key, Value: r.value, Headers: make([]kgo.RecordHeader, len(c.headers))}
		c.setHeaders(&r, func(i int, key string, value []byte) { record.Headers[i] = kgo.RecordHeader{Key: key, Value: value} })
		return record, err
	}
	async = func(ctx context.Context, n, _ int) error {
		var failed atomic.Pointer[error]
		done := func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		}
		for i := range n {
			record, err := next(i)
			if err != nil {
				return err
			}
			client.Produce(ctx, record, done)
		}
		err := client.Flush(ctx)
		if e := failed.Load(); e != nil {
			err = *e
		}
		return err
	}
	waiting = func(ctx context.Context, n, callers int) error {
		return together(callers, n, func(_, i int) error {
			record, err := next(i)
			if err != nil {
				return err
			}
			return client.ProduceSync(ctx, record).FirstErr()
		})
	}
	return async, waiting, nil
}

// writer returns functions that send to a topic with tuned Writers of kafka-go.
// async uses large batches. waiting uses batches of the size of the number of
// callers.
func (c *kafkaContests) writer(topic string, callers int) (async, waiting func(ctx context.Context, n int, callers int) error) {
	next := func(i int) (kafkago.Message, error) {
		r, err := encode(&c.events[i%len(c.events)])
		m := kafkago.Message{Key: r.key, Value: r.value, Headers: make([]kafkago.Header, len(c.headers))}
		c.setHeaders(&r, func(i int, key string, value []byte) { m.Headers[i] = kafkago.Header{Key: key, Value: value} })
		return m, err
	}
	open := func(batch int, wait time.Duration) *kafkago.Writer {
		w := &kafkago.Writer{
			Addr: kafkago.TCP(c.brokers...), Topic: topic, Transport: &kafkago.Transport{}, Balancer: kafkago.CRC32Balancer{}, RequiredAcks: kafkago.RequireAll,
			BatchSize: batch, BatchBytes: 1 << 20, BatchTimeout: wait,
		}
		c.closers = append(c.closers, func(context.Context) error { return w.Close() })
		return w
	}
	large, soon := open(2000, 5*time.Millisecond), open(max(1, callers), 100*time.Microsecond)
	large.Async = true
	var pending sync.WaitGroup
	var failed atomic.Pointer[error]
	room := make(chan struct{}, buffered)
	large.Completion = func(messages []kafkago.Message, err error) {
		if err != nil {
			failed.Store(&err)
		}
		for range messages {
			<-room
			pending.Done()
		}
	}
	async = func(ctx context.Context, n, _ int) error {
		const together = 100 // the Writer is faster with many messages a call
		messages := make([]kafkago.Message, 0, together)
		for i := range n {
			m, err := next(i)
			if err != nil {
				return err
			}
			messages = append(messages, m)
			pending.Add(1)
			room <- struct{}{}
			if len(messages) == together || i == n-1 {
				if err := large.WriteMessages(ctx, messages...); err != nil {
					return err
				}
				messages = messages[:0]
			}
		}
		pending.Wait()
		if e := failed.Load(); e != nil {
			return *e
		}
		return nil
	}
	return async, func(ctx context.Context, n, callers int) error {
		return together(callers, n, func(_, i int) error {
			m, err := next(i)
			if err != nil {
				return err
			}
			return soon.WriteMessages(ctx, m)
		})
	}
}

// watermill returns a function that publishes to a topic. Publish of watermill always waits.
func (c *kafkaContests) watermill(topic string) (func(ctx context.Context, n int, callers int) error, error) {
	publisher, err := c.publisher()
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, n, callers int) error {
		return together(callers, n, func(_, i int) error {
			r, err := encode(&c.events[i%len(c.events)])
			if err != nil {
				return err
			}
			return publisher.Publish(topic, watermillMessage(&r))
		})
	}, nil
}

// publisher returns a publisher of watermill.
func (c *kafkaContests) publisher() (*watermill.Publisher, error) {
	config := watermill.DefaultSaramaSyncPublisherConfig()
	config.Producer.RequiredAcks = sarama.WaitForAll
	publisher, err := watermill.NewPublisher(watermill.PublisherConfig{
		Brokers: c.brokers, Marshaler: kafkaRecords{c}, OverwriteSaramaConfig: config,
	}, nil)
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, func(context.Context) error { return publisher.Close() })
	return publisher, nil
}

// kafkaRecords is a marshaler of watermill that writes the headers of the event bus.
type kafkaRecords struct{ *kafkaContests }

func (c kafkaRecords) Marshal(topic string, m *message.Message) (*sarama.ProducerMessage, error) {
	r := record{id: m.UUID, time: m.Metadata.Get("time")}
	headers := make([]sarama.RecordHeader, len(c.headers))
	c.setHeaders(&r, func(i int, key string, value []byte) {
		headers[i] = sarama.RecordHeader{Key: []byte(key), Value: value}
	})
	return &sarama.ProducerMessage{
		Topic: topic, Key: sarama.StringEncoder(m.Metadata.Get("key")), Value: sarama.ByteEncoder(m.Payload), Headers: headers,
	}, nil
}

// entrant is a contender that is not open yet.
type entrant struct {
	name string
	// open returns functions that send to a topic without and with waiting. Either may be nil.
	open func(topic string, callers int) (async, waiting func(ctx context.Context, n, callers int) error, err error)
}

func (c *kafkaContests) entrants(ctx context.Context, partitions int) []entrant {
	return []entrant{
		{oursFranz, func(topic string, callers int) (async, waiting func(context.Context, int, int) error, err error) {
			b, err := franz.New(franz.Config{Brokers: c.brokers, SchemaRegistry: c.registry})
			if err != nil {
				return nil, nil, err
			}
			return c.signalcast(ctx, b, topic)
		}},
		{oursKafka, func(topic string, callers int) (async, waiting func(context.Context, int, int) error, err error) {
			b, err := kafka.New(kafka.Config{Brokers: c.brokers, SchemaRegistry: c.registry})
			if err != nil {
				return nil, nil, err
			}
			return c.signalcast(ctx, b, topic)
		}},
		{bareFranz, func(topic string, _ int) (async, waiting func(context.Context, int, int) error, err error) {
			return c.franz(topic)
		}},
		{bareKafka, func(topic string, callers int) (async, waiting func(context.Context, int, int) error, err error) {
			async, waiting = c.writer(topic, callers)
			return async, waiting, nil
		}},
		{rawSocket, func(topic string, _ int) (async, waiting func(context.Context, int, int) error, err error) {
			return c.writeRaw(topic, partitions), nil, nil
		}},
		{watermillLib, func(topic string, callers int) (async, waiting func(context.Context, int, int) error, err error) {
			waiting, err = c.watermill(topic)
			return nil, waiting, err
		}},
	}
}

// contest returns a contest of all entrants. If callers is 0, they do not wait for each event.
func (c *kafkaContests) contest(ctx context.Context, id string, partitions int32, callers, events int) (contest, error) {
	result := contest{}
	for i, e := range c.entrants(ctx, int(partitions)) {
		if callers == 0 && e.name == watermillLib || callers > 0 && e.name == rawSocket {
			continue
		}
		topic := fmt.Sprintf("bench-%s-%d", id, i)
		k, err := c.newContender(ctx, e.name, topic, partitions, events, nil)
		if err != nil {
			return result, err
		}
		async, waiting, err := e.open(topic, callers)
		if err != nil {
			return result, err
		}
		work := waiting
		if callers == 0 {
			work = async
		}
		k.run = func(ctx context.Context, n int) error { return work(ctx, n, callers) }
		result.contenders = append(result.contenders, k)
	}
	return result, nil
}
