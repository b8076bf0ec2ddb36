package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast/consume"
)

var errNoGroup = errors.New("kafka: found no group; want the name of one")

// view is what the brokers know about the group.
type view struct {
	admin     *kadm.Client
	committed kadm.OffsetResponses
	starts    kadm.ListedOffsets
	ends      kadm.ListedOffsets
	members   map[place]int
	total     int // members
}

func (s *Source) view(ctx context.Context) (v *view, err error) {
	if s.config.Group == "" {
		return nil, errNoGroup
	}
	client, err := kgo.NewClient(s.options()...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	admin := kadm.NewClient(client)
	v = &view{admin: admin, members: map[place]int{}}
	defer func() {
		if err != nil {
			admin.Close()
			err = fmt.Errorf("kafka: %w", err)
		}
	}()
	if v.starts, err = v.admin.ListStartOffsets(ctx, s.config.Topics...); err != nil {
		return nil, err //nolint:wrapcheck // wrapped above
	}
	if v.ends, err = v.admin.ListEndOffsets(ctx, s.config.Topics...); err != nil {
		return nil, err //nolint:wrapcheck // wrapped above
	}
	if err = errors.Join(v.starts.Error(), v.ends.Error()); err != nil {
		return nil, err
	}
	if v.committed, err = v.admin.FetchOffsets(ctx, s.config.Group); errors.Is(err, kerr.GroupIDNotFound) {
		return v, nil
	} else if err != nil {
		return nil, err //nolint:wrapcheck // wrapped above
	}
	groups, err := v.admin.DescribeGroups(ctx, s.config.Group)
	if err != nil {
		return nil, err //nolint:wrapcheck // wrapped above
	}
	group := groups[s.config.Group]
	if err = group.Err; err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, err
	}
	for _, m := range group.Members {
		v.total++
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range assigned.Topics {
				for _, p := range t.Partitions {
					v.members[place{t.Topic, p}]++
				}
			}
		}
	}
	return v, nil
}

// at returns the offset at which the group reads a partition. known is false if it has not committed one.
func (v *view) at(topic string, partition int32) (offset int64, known bool) {
	if c, ok := v.committed.Lookup(topic, partition); ok && c.Err == nil && c.At >= 0 {
		return c.At, true
	}
	return 0, false
}

// Lag returns how far the group is behind. See [consume.Operator]. Behind is unknown for a partition that the group has
// not committed an offset of.
func (s *Source) Lag(ctx context.Context) ([]consume.Lag, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.admin.Close()
	var list []consume.Lag
	for _, end := range v.ends.Offsets().Sorted() {
		l := consume.Lag{Topic: end.Topic, Partition: end.Partition, Behind: -1, Members: v.members[place{end.Topic, end.Partition}]}
		if at, known := v.at(end.Topic, end.Partition); known {
			l.Behind = max(0, end.At-at)
		}
		list = append(list, l)
	}
	return list, nil
}

// Replay moves the committed offsets of the group to the first records at or after a time. See [consume.Operator].
func (s *Source) Replay(ctx context.Context, since time.Time, apply bool) ([]consume.Move, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.admin.Close()
	if v.total > 0 {
		return nil, fmt.Errorf("kafka: group %q: found %d members; want none, so stop the consumers first", s.config.Group, v.total)
	}
	to, err := v.admin.ListOffsetsAfterMilli(ctx, since.UnixMilli(), s.config.Topics...)
	if err == nil {
		err = to.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	var list []consume.Move
	for _, o := range to.Offsets().Sorted() {
		move := consume.Move{Topic: o.Topic, Partition: o.Partition, To: strconv.FormatInt(o.At, 10), Messages: -1}
		if from, known := v.at(o.Topic, o.Partition); known {
			move.From, move.Messages = strconv.FormatInt(from, 10), max(from-o.At, o.At-from)
		}
		list = append(list, move)
	}
	if !apply {
		return list, nil
	}
	done, err := v.admin.CommitOffsets(ctx, s.config.Group, to.Offsets())
	if err == nil {
		err = done.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("kafka: commit offsets: %w", err)
	}
	return list, nil
}
