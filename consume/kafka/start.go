package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast/backends/backendkit"
)

// start returns where the client begins in a partition without a committed offset.
func (c Config) start() kgo.Offset {
	switch {
	case c.Start.IsEarliest():
		return kgo.NewOffset().AtStart()
	case !c.Start.Time().IsZero():
		return kgo.NewOffset().AfterMilli(c.Start.Time().UnixMilli())
	default:
		return kgo.NewOffset().AtEnd()
	}
}

// survey notes which partitions exist before the member joins the group, until the brokers answer. Config.Start is for those
// that the group has not begun to read. A partition that is added later has no message that the group may skip. survey reports
// false if ctx ends first.
func (r *reader) survey(ctx context.Context) bool {
	admin := kadm.NewClient(r.client)
	config := r.source.config
	for failures := 1; ; failures++ {
		topics, err := admin.ListTopics(ctx, config.Topics...)
		var committed kadm.OffsetResponses
		if err == nil {
			committed, err = admin.FetchOffsets(ctx, config.Group)
		}
		if err == nil || errors.Is(err, kerr.GroupIDNotFound) {
			for _, topic := range config.Topics {
				if len(committed[topic]) == 0 {
					r.begins[topic] = int32(len(topics[topic].Partitions)) //nolint:gosec // far below the limit
				}
			}
			return true
		}
		if ctx.Err() == nil {
			r.in.Failed("", fmt.Errorf("kafka: %w", err))
			r.failing.Store(true)
		}
		if backendkit.Pause(ctx, failures, 0) != nil {
			return false
		}
	}
}

// begin commits where the group begins in the partitions without a committed offset. Otherwise, what is published after this member
// ended would be skipped, unless it had handled a message of the partition. The client calls begin before it reads them.
func (r *reader) begin(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	missing := kadm.Offsets{}
	for topic, partitions := range offsets {
		for partition, offset := range partitions {
			if offset == r.source.config.start() {
				missing.Add(kadm.Offset{Topic: topic, Partition: partition})
			}
		}
	}
	if len(missing) == 0 {
		return offsets, nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.source.config.RequestTimeout)
	defer cancel()
	for failures := 1; ; failures++ {
		err := r.commitStart(ctx, missing, offsets)
		if err == nil {
			return offsets, nil
		}
		if backendkit.Pause(ctx, failures, 0) != nil {
			r.in.Logger().LogAttrs(ctx, slog.LevelWarn, "start of the group not committed, so the next member may begin later", slog.Any("error", err))
			return offsets, nil
		}
	}
}

// commitStart commits where the group begins in the missing partitions. It removes each partition that succeeds from missing, and
// sets its offset.
func (r *reader) commitStart(ctx context.Context, missing kadm.Offsets, offsets map[string]map[int32]kgo.Offset) error {
	admin := kadm.NewClient(r.client)
	topics := missing.TopicsSet().Topics()
	first, err := admin.ListStartOffsets(ctx, topics...)
	failures := []error{err}
	var listed kadm.ListedOffsets
	switch start := r.source.config.Start; {
	case start.IsEarliest():
		listed, err = first, nil
	case !start.Time().IsZero():
		listed, err = admin.ListOffsetsAfterMilli(ctx, start.Time().UnixMilli(), topics...)
	default:
		listed, err = admin.ListEndOffsets(ctx, topics...)
	}
	failures = append(failures, err)
	commits := map[string]map[int32]kgo.EpochOffset{}
	missing.Each(func(m kadm.Offset) {
		from := listed
		if m.Partition >= r.begins[m.Topic] {
			from = first
		}
		switch l, ok := from.Lookup(m.Topic, m.Partition); {
		case !ok:
			failures = append(failures, fmt.Errorf("topic %s, partition %d: found no start; want an offset", m.Topic, m.Partition))
		case l.Err != nil:
			failures = append(failures, fmt.Errorf("topic %s, partition %d: %w", m.Topic, m.Partition, l.Err))
		default:
			if commits[m.Topic] == nil {
				commits[m.Topic] = map[int32]kgo.EpochOffset{}
			}
			commits[m.Topic][m.Partition] = kgo.EpochOffset{Epoch: -1, Offset: l.Offset}
		}
	})
	r.commitOffsets(ctx, commits, func(at place, err error) {
		if err != nil {
			failures = append(failures, err)
			return
		}
		offsets[at.topic][at.partition] = kgo.NewOffset().At(commits[at.topic][at.partition].Offset)
		delete(missing[at.topic], at.partition)
	})
	return errors.Join(failures...)
}
