package main

import (
	"context"
	"errors"
	"fmt"

	watermill "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
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
		about: "A new group reads records that were stored before, and commits. Only signalcast decodes them. " +
			"The time of joining the group is part of the figures. watermill reads one record at a time.",
		contenders: []contender{
			prepared(ours, events, nothing, func(ctx context.Context, n int) (func() error, error) {
				source, err := kafka.New(kafka.Config{Config: cluster, Group: newGroup(), Topics: []string{consumed}, Start: consume.Earliest()})
				if err != nil {
					return nil, err
				}
				return consumeEvents(ctx, source, consume.Config{}, n)
			}, nil),
			prepared(bareFranz, events, nothing, c.readFranz, nil),
			prepared(watermillLib, events/4, nothing, c.readWatermill, nil),
		},
	}, nil
}

func (c *kafkaContests) readFranz(ctx context.Context, n int) (stop func() error, err error) {
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
