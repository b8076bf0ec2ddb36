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

// view asks the brokers. The caller must close admin.
func (s *Source) view(ctx context.Context) (v *view, err error) {
	client, err := kgo.NewClient(s.options()...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	v = &view{admin: kadm.NewClient(client), members: map[place]int{}}
	if s.config.Group != "" { // first, so that the offsets that a live group commits meanwhile are not behind the ends
		err = v.readGroup(ctx, s.config.Group)
	}
	if err == nil {
		err = v.readEnds(ctx, s.config.Topics)
	}
	if err != nil {
		v.admin.Close()
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return v, nil
}

func (v *view) readEnds(ctx context.Context, topics []string) (err error) {
	if v.starts, err = v.admin.ListStartOffsets(ctx, topics...); err != nil {
		return err //nolint:wrapcheck // the caller wraps it
	}
	if v.ends, err = v.admin.ListEndOffsets(ctx, topics...); err != nil {
		return err //nolint:wrapcheck // the caller wraps it
	}
	return errors.Join(v.starts.Error(), v.ends.Error())
}

func (v *view) readGroup(ctx context.Context, name string) (err error) {
	if v.committed, err = v.admin.FetchOffsets(ctx, name); errors.Is(err, kerr.GroupIDNotFound) {
		return nil
	} else if err != nil {
		return err //nolint:wrapcheck // the caller wraps it
	}
	groups, err := v.admin.DescribeGroups(ctx, name)
	if err != nil {
		return err //nolint:wrapcheck // the caller wraps it
	}
	group := groups[name]
	if err = group.Err; err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return err
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
	return nil
}

// at returns the offset at which the group reads a partition. known is false if it has not committed one.
func (v *view) at(topic string, partition int32) (offset int64, known bool) {
	if c, ok := v.committed.Lookup(topic, partition); ok && c.Err == nil && c.At >= 0 {
		return c.At, true
	}
	return 0, false
}

// newest returns the last offset of a partition, or nil if the partition is empty.
func (v *view) newest(end kadm.Offset) *consume.Position {
	if start, ok := v.starts.Lookup(end.Topic, end.Partition); ok && start.Offset >= end.At {
		return nil
	}
	return &consume.Position{Offset: end.At - 1}
}

// Lag returns how far the group is behind. See [consume.Operator]. Behind is unknown for a partition of which the group has
// committed no offset, or one behind the end, as after the topic was created again. Newest may be the end of a transaction, which is no
// message.
func (s *Source) Lag(ctx context.Context) ([]consume.Lag, error) {
	v, err := s.view(ctx)
	if err != nil {
		return nil, err
	}
	defer v.admin.Close()
	var list []consume.Lag
	for _, end := range v.ends.Offsets().Sorted() {
		l := consume.Lag{Topic: end.Topic, Partition: end.Partition, Behind: -1, Newest: v.newest(end), Members: v.members[place{end.Topic, end.Partition}]}
		if at, known := v.at(end.Topic, end.Partition); known && at <= end.At {
			l.Behind = end.At - at
		}
		list = append(list, l)
	}
	return list, nil
}

// Replay moves the committed offsets of the group to the first records at or after a time. See [consume.Operator].
func (s *Source) Replay(ctx context.Context, since time.Time, apply bool) ([]consume.Move, error) {
	if s.config.Group == "" {
		return nil, errNoGroup
	}
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
