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
	commitEach = 100 * time.Millisecond // of a partition whose messages are handled
	commitWait = 5 * time.Second        // for the brokers to answer a commit
	lastCommit = 10 * time.Second       // for them to answer before partitions are given away
)

// The waits when partitions are given away add up to less than RebalanceTimeout: half of it for the receivers, an eighth for a
// commit in progress, a quarter for the last commit.

func (r *reader) handleWait() time.Duration {
	return min(r.in.Grace(), r.source.config.RebalanceTimeout/2)
}

func (r *reader) commitWait() time.Duration {
	return min(commitWait, r.source.config.RebalanceTimeout/8)
}

func (r *reader) lastCommitWait() time.Duration {
	return min(lastCommit, r.source.config.RebalanceTimeout/4)
}

// commitAll commits the offsets of partitions that are given away. It tries again after errors that pass, such as those while the
// group is rebalanced.
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

// commit commits the offsets of partitions for which it is time, or of all partitions. It returns the last error.
func (r *reader) commit(ctx context.Context, partitions map[place]*partition, all bool) (failed error) {
	r.committing.Lock()
	defer r.committing.Unlock()
	var space [1]consume.Position
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for at, p := range partitions {
		if p.ctx.Err() != nil {
			continue // another member may have it
		}
		positions, n := p.feed.Take(space[:0])
		if len(positions) > 0 {
			p.offset = positions[0].Offset + 1
		}
		if p.handled += n; p.handled == 0 || p.offset < 0 {
			continue
		}
		if !all && p.handled < r.in.MaxInFlight()/2 && time.Since(p.since) < commitEach {
			continue
		}
		p.since = time.Now()
		if offsets[at.topic] == nil {
			offsets[at.topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[at.topic][at.partition] = kgo.EpochOffset{Epoch: -1, Offset: p.offset}
	}
	if len(offsets) == 0 {
		return nil
	}
	if r.source.config.Group == "" {
		for at := range partitions {
			if _, ok := offsets[at.topic][at.partition]; ok {
				partitions[at].acknowledged()
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
		default: // tried again, unless the partition is lost
			failed = err
			p.failing.Store(true)
			r.in.Failed(at.topic, fmt.Errorf("kafka: commit offsets: %w", err))
		}
	})
	return failed
}

var errNotAnswered = errors.New("found no answer for the partition; want one")

// commitOffsets commits offsets, and calls each with the result for each partition.
func (r *reader) commitOffsets(ctx context.Context, offsets map[string]map[int32]kgo.EpochOffset, each func(at place, err error)) {
	r.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, request *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		results := map[place]error{}
		if err == nil {
			results, err = commitResults(request, response), errNotAnswered
		}
		for topic, partitions := range offsets {
			for partition := range partitions {
				at := place{topic, partition}
				if result, ok := results[at]; ok {
					each(at, result)
				} else {
					each(at, err)
				}
			}
		}
	})
}

// commitResults returns the results in a response. New brokers name topics by their IDs there.
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
		for _, answer := range t.Partitions {
			results[place{topic, answer.Partition}] = kerr.ErrorForCode(answer.ErrorCode)
		}
	}
	return results
}

// acknowledged notes that the offset of the partition is committed.
func (p *partition) acknowledged() {
	p.feed.Acknowledged(p.handled)
	p.handled = 0
}

// committed returns the committed offset of a partition, or -1.
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
