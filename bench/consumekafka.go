package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	watermill "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
	"github.com/signalcast/signalcast/openedx/learning"
)

// consumeContest returns the contest that reads a topic with six partitions. It fills the topic.
func (c *kafkaContests) consumeContest(ctx context.Context, events int) (contest, error) {
	if _, err := c.newContender(ctx, "", consumed, 6, 0, nil); err != nil {
		return contest{}, err
	}
	backend, err := franz.New(franz.Config{Brokers: c.brokers, SchemaRegistry: c.registry})
	if err != nil {
		return contest{}, err
	}
	registry, dispatcher, err := dispatch(ctx, backend, consumed)
	if err != nil {
		return contest{}, err
	}
	if err := sendEvents(ctx, registry, dispatcher, c.events, events); err != nil {
		return contest{}, err
	}
	if err := dispatcher.Close(ctx); err != nil {
		return contest{}, err
	}
	cluster := kafkaconfig.Config{Brokers: c.brokers, SchemaRegistry: c.registry}
	return contest{
		name: consumeKafka,
		about: "A new group reads records that were stored before, and commits. franz-go and watermill do not decode them. The line with decoding calls " +
			"the decoder of signalcast and a receiver between two polls. It shows what decoding costs without a consumer. " +
			"The time of joining the group is part of the figures, but not of those of the Python reference. watermill reads one record at a time.",
		contenders: []contender{
			prepared(ours, events, nothing, func(ctx context.Context, n int) (func() error, error) {
				source, err := kafka.New(kafka.Config{Config: cluster, Group: newGroup(), Topics: []string{consumed}, Start: consume.Earliest()})
				if err != nil {
					return nil, err
				}
				return consumeEvents(ctx, source, consume.Config{}, n)
			}, nil),
			prepared(bareFranz, events, nothing, c.readFranz, nil),
			prepared(franzDecoding, events, nothing, c.readAndDecode, nil),
			prepared(watermillLib, events/4, nothing, c.readWatermill, nil),
		},
	}, nil
}

func (c *kafkaContests) readFranz(ctx context.Context, n int) (stop func() error, err error) {
	return c.readGroup(ctx, n, func(*kgo.Record) error { return nil })
}

// readAndDecode decodes records one after the other. It has no lanes, retries, dead letters or counts.
func (c *kafkaContests) readAndDecode(ctx context.Context, n int) (stop func() error, err error) {
	registry := signalcast.NewRegistry()
	if err := registry.Register(learning.CourseEnrollmentCreated); err != nil {
		return nil, err
	}
	handled := 0
	_, err = learning.CourseEnrollmentCreated.Connect(registry, func(context.Context, signalcast.Event[learning.CourseEnrollmentEvent]) error {
		handled++
		return nil
	})
	if err != nil {
		return nil, err
	}
	decoder, meta := registry.NewDecoder(), signalcast.Metadata{EventType: learning.CourseEnrollmentCreated.EventType()}
	return c.readGroup(ctx, n, func(r *kgo.Record) error {
		for _, h := range r.Headers {
			if h.Key == "ce_id" {
				if err := meta.ID.UnmarshalText(h.Value); err != nil {
					return err
				}
			}
		}
		meta.Time = r.Timestamp
		event, err := decoder.Decode(meta, nil, bytes.Clone(r.Value[framing:]))
		if err != nil {
			return err
		}
		return event.Deliver(ctx)
	})
}

// readGroup reads n records in a new group and calls each for them.
func (c *kafkaContests) readGroup(ctx context.Context, n int, each func(*kgo.Record) error) (stop func() error, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.ConsumerGroup(newGroup()), kgo.ConsumeTopics(consumed),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if err != nil {
		return nil, err
	}
	stop = func() error { client.Close(); return nil }
	for n > 0 {
		fetches := client.PollRecords(ctx, batchLen)
		if err := fetches.Err(); err != nil {
			return stop, err
		}
		records := fetches.Records()
		for _, r := range records {
			if err := each(r); err != nil {
				return stop, err
			}
		}
		n -= len(records)
		client.MarkCommitRecords(records...)
	}
	return stop, client.CommitMarkedOffsets(ctx)
}

func (c *kafkaContests) readWatermill(ctx context.Context, n int) (stop func() error, err error) {
	config := watermill.DefaultSaramaSubscriberConfig()
	config.Consumer.Offsets.Initial = -2 // the oldest
	s, err := watermill.NewSubscriber(watermill.SubscriberConfig{
		Brokers: c.brokers, Unmarshaler: watermill.DefaultMarshaler{}, ConsumerGroup: newGroup(), OverwriteSaramaConfig: config,
	}, nil)
	if err != nil {
		return nil, err
	}
	messages, err := s.Subscribe(ctx, consumed)
	if err != nil {
		return s.Close, err
	}
	for m := range messages {
		m.Ack()
		if n--; n == 0 {
			return s.Close, nil
		}
	}
	return s.Close, errors.Join(ctx.Err(), fmt.Errorf("the subscription ended %d messages early", n))
}
