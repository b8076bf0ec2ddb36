package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/consume"
)

const (
	commitInterval    = 100 * time.Millisecond // between two commits of a partition
	maxCommitWait     = 5 * time.Second        // for the result of a commit
	maxLastCommitWait = 10 * time.Second       // for the result of the last commit of a partition
)

// These timeouts bound the release of partitions that the group revokes. They add up to less than RebalanceTimeout: half of it for
// the receivers, an eighth for a commit in progress, and a quarter for the last commit.

func (r *reader) drainTimeout() time.Duration {
	return min(r.in.Grace(), r.source.config.RebalanceTimeout/2)
}

func (r *reader) commitTimeout() time.Duration {
	return min(maxCommitWait, r.source.config.RebalanceTimeout/8)
}

func (r *reader) lastCommitTimeout() time.Duration {
	return min(maxLastCommitWait, r.source.config.RebalanceTimeout/4)
}

// offsetMap has the offsets to commit, by topic and partition.
type offsetMap map[string]map[int32]kgo.EpochOffset

func (m offsetMap) set(at place, offset int64) {
	if m[at.topic] == nil {
		m[at.topic] = map[int32]kgo.EpochOffset{}
	}
	m[at.topic][at.partition] = kgo.EpochOffset{Epoch: -1, Offset: offset}
}

// commitAll commits the offsets of partitions before they are closed. It retries after temporary errors, such as those during a
// rebalance.
func (r *reader) commitAll(ctx context.Context, partitions map[place]*partition) {
	for failures := 1; ; failures++ {
		err := r.commit(ctx, partitions, true)
		if err == nil {
			return
		}
		broker, ok := errors.AsType[*kerr.Error](err)
		if ok && !broker.Retriable && !errors.Is(err, kerr.RebalanceInProgress) || backendkit.Pause(ctx, failures, 0) != nil {
			r.in.Logger().LogAttrs(ctx, slog.LevelWarn, "offsets not committed, so messages will be handled again", slog.Any("error", err))
			return
		}
	}
}

// commit commits the offsets of the partitions that are due, or of all partitions if all is true. It returns the error of one
// partition that failed, or nil.
func (r *reader) commit(ctx context.Context, partitions map[place]*partition, all bool) (failed error) {
	r.committing.Lock()
	defer r.committing.Unlock()
	var space [1]consume.Position
	offsets := offsetMap{}
	for at, p := range partitions {
		if p.ctx.Err() != nil {
			continue // closed: another member may read it
		}
		positions, n := p.feed.Take(space[:0])
		if len(positions) > 0 {
			p.offset = positions[0].Offset + 1
		}
		if p.handled += n; p.handled == 0 || p.offset < 0 {
			continue
		}
		if !all && p.handled < r.in.MaxInFlight()/2 && time.Since(p.since) < commitInterval {
			continue
		}
		p.since = time.Now()
		offsets.set(at, p.offset)
	}
	if len(offsets) == 0 {
		return nil
	}
	if r.source.config.Group == "" {
		for topic, list := range offsets {
			for partition := range list {
				partitions[place{topic, partition}].acknowledged()
			}
		}
		return nil
	}
	r.commitOffsets(ctx, offsets, func(at place, err error) {
		p := partitions[at]
		switch {
		case err == nil:
			p.acknowledged()
			if p.failing.CompareAndSwap(true, false) {
				r.in.Works(at.topic)
			}
		case errors.Is(ctx.Err(), context.Canceled):
			failed = err
		default:
			failed = err
			p.failing.Store(true)
			r.in.Failed(at.topic, fmt.Errorf("kafka: commit offsets: %w", err))
		}
	})
	return failed
}

var errNoResult = errors.New("found no result for the partition; want one")

// commitOffsets commits offsets, and calls each with the result of each partition.
func (r *reader) commitOffsets(ctx context.Context, offsets offsetMap, each func(at place, err error)) {
	r.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, request *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		var results map[place]error
		if err == nil {
			results, err = commitResults(request, response), errNoResult
		}
		for topic, partitions := range offsets {
			for partition := range partitions {
				at := place{topic, partition}
				result, found := results[at]
				if !found {
					result = err
				}
				each(at, result)
			}
		}
	})
}

// commitResults returns the result of each partition in a response. Newer brokers send the IDs of topics instead of their names.
func commitResults(request *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse) map[place]error {
	names := map[[16]byte]string{}
	for _, t := range request.Topics {
		names[t.TopicID] = t.Topic
	}
	results := map[place]error{}
	for _, t := range response.Topics {
		topic := t.Topic
		if topic == "" {
			topic = names[t.TopicID]
		}
		for _, p := range t.Partitions {
			results[place{topic, p.Partition}] = kerr.ErrorForCode(p.ErrorCode)
		}
	}
	return results
}

// acknowledged reports to the feed that the offset of the partition is committed.
func (p *partition) acknowledged() {
	p.feed.Acknowledged(p.handled)
	p.handled = 0
}

// committed returns the committed offset of a partition, or -1 if it has none.
func (r *reader) committed(at place) int64 {
	if offset, ok := r.client.CommittedOffsets()[at.topic][at.partition]; ok {
		return offset.Offset
	}
	return -1
}

func (r *reader) logGap(at place, lost int64) {
	r.in.Logger().LogAttrs(context.Background(), slog.LevelError, "messages were removed before they were read",
		slog.String("topic", at.topic), slog.Int("partition", int(at.partition)), slog.Int64("lost", lost))
}
