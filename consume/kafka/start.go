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

// startOffset returns where the client starts to read a partition without a committed offset.
func (c Config) startOffset() kgo.Offset {
	switch {
	case c.Start.IsEarliest():
		return kgo.NewOffset().AtStart()
	case !c.Start.Time().IsZero():
		return kgo.NewOffset().AfterMilli(c.Start.Time().UnixMilli())
	default:
		return kgo.NewOffset().AtEnd()
	}
}

// countInitialPartitions sets r.initial: the number of partitions of each topic that the group has not read yet. It is called
// before the member joins the group. Config.Start is for these partitions. A partition that is added later is read from its first
// record, so that none of its messages is skipped.
//
// It retries until the brokers respond. It returns false if ctx ends first.
func (r *reader) countInitialPartitions(ctx context.Context) bool {
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
					r.initial[topic] = int32(len(topics[topic].Partitions)) //nolint:gosec // far below the limit
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

// commitStarts commits a start for each partition without a committed offset, and returns offsets with these starts. The client calls
// it before it reads the partitions. Without these commits, a member that handled no message of a partition would leave no offset. The
// next member would then skip the messages that were published between them.
func (r *reader) commitStarts(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	missing := kadm.Offsets{}
	for topic, partitions := range offsets {
		for partition, offset := range partitions {
			if offset == r.source.config.startOffset() {
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
		err := r.tryCommitStarts(ctx, missing, offsets)
		if err == nil {
			return offsets, nil
		}
		if backendkit.Pause(ctx, failures, 0) != nil {
			r.in.Logger().LogAttrs(ctx, slog.LevelWarn, "start of the group not committed, so the next member may begin later", slog.Any("error", err))
			return offsets, nil
		}
	}
}

// tryCommitStarts commits a start for each partition of missing. It removes each partition that succeeds from missing, and sets its
// start in offsets.
func (r *reader) tryCommitStarts(ctx context.Context, missing kadm.Offsets, offsets map[string]map[int32]kgo.Offset) error {
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
	commits := offsetMap{}
	missing.Each(func(m kadm.Offset) {
		from := listed
		if m.Partition >= r.initial[m.Topic] {
			from = first
		}
		switch l, ok := from.Lookup(m.Topic, m.Partition); {
		case !ok:
			failures = append(failures, fmt.Errorf("topic %s, partition %d: found no start; want an offset", m.Topic, m.Partition))
		case l.Err != nil:
			failures = append(failures, fmt.Errorf("topic %s, partition %d: %w", m.Topic, m.Partition, l.Err))
		default:
			commits.set(place{m.Topic, m.Partition}, l.Offset)
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
