package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast/consume"
)

const (
	maxFetchWait   = 500 * time.Millisecond // of an empty request, behind which a partition that is resumed waits
	minMetadataAge = 200 * time.Millisecond // between two looks for a topic that does not exist
	maxHeartbeat   = 3 * time.Second
	maxRecords     = 1000 // of a poll

	// A partition in which as many records wait for room is full. The client reads the next ones when it has no more, so these
	// keep receivers busy meanwhile.
	maxPolls        = 3
	maxWaitingBytes = 1 << 20
)

// place names a partition.
type place struct {
	topic     string
	partition int32
}

// reader is one run of a source.
type reader struct {
	source *Source
	in     *consume.Intake
	client *kgo.Client
	notify chan struct{} // of all feeds, for tend
	freed  chan struct{} // a partition may not be full any more
	due    chan struct{} // offsets may have to be committed

	initial map[string]int32 // by topic, the number of partitions that Config.Start is for; see countInitialPartitions

	mu         sync.Mutex
	partitions map[place]*partition

	began      time.Time
	until      atomic.Int64 // nanoseconds since began, whatever the wall clock does; the member may begin to handle messages until then
	failing    atomic.Bool  // the brokers are unreachable
	committing sync.Mutex   // held during a commit
}

// Run reads the topics until ctx ends. See [consume.Source].
func (s *Source) Run(ctx context.Context, in *consume.Intake) error {
	r := &reader{
		source: s, in: in, began: time.Now(), initial: map[string]int32{}, partitions: map[place]*partition{},
		notify: make(chan struct{}, 1), freed: make(chan struct{}, 1), due: make(chan struct{}, 1),
	}
	options := append(s.readOptions(), kgo.WithHooks(hooks{r}))
	if s.config.Group != "" {
		options = append(options, kgo.OnPartitionsAssigned(r.assigned), kgo.OnPartitionsRevoked(r.revoked), kgo.OnPartitionsLost(r.lost),
			kgo.AdjustFetchOffsetsFn(r.commitStarts))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	s.setRunning(true)
	tending, stop := context.WithCancel(context.WithoutCancel(ctx))
	var tender sync.WaitGroup
	tender.Go(func() { r.tend(tending) })
	tender.Go(func() { r.commitUntil(tending) })
	if s.config.Group != "" && r.countInitialPartitions(ctx) {
		client.AddConsumeTopics(s.config.Topics...)
	}
	tender.Go(func() { r.awaitTopics(ctx) })
	r.poll(ctx)
	r.release(in.Grace(), slices.Collect(maps.Keys(r.list())))
	stop()
	tender.Wait()
	wait := maxLastCommitWait
	if r.failing.Load() {
		wait = time.Second // brokers that work reply within it
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	_ = client.LeaveGroupContext(leaving) // otherwise the brokers notice that the member is silent
	s.setRunning(false)
	client.CloseAllowingRebalance()
	s.schemas.Close()
	return nil
}

// poll reads records until ctx ends.
func (r *reader) poll(ctx context.Context) {
	failing := map[string]bool{} // topics whose last fetch failed
	for ctx.Err() == nil {
		r.awaitRoom(ctx)
		fetches := r.client.PollRecords(ctx, r.maxPoll())
		if fetches.IsClientClosed() {
			return
		}
		fetches.EachError(func(topic string, _ int32, err error) {
			if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
				failing[topic] = true
				r.in.Failed(topic, fmt.Errorf("kafka: %w", err))
			}
		})
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if len(f.Records) == 0 || ctx.Err() != nil {
				return
			}
			if failing[f.Topic] {
				delete(failing, f.Topic)
				r.in.Works(f.Topic)
			}
			if p := r.at(place{f.Topic, f.Partition}); p != nil {
				p.read(&f.FetchPartition)
			}
		})
		r.client.AllowRebalance()
	}
}

// at returns a partition, or nil if it was released. Without a group there is no assignment, so the first records of a
// partition open it.
func (r *reader) at(at place) *partition {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.partitions[at]
	if p == nil && r.source.config.Group == "" {
		p = r.newPartition(at)
		r.partitions[at] = p
	}
	return p
}

func (r *reader) list() map[place]*partition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.partitions)
}

// maxPoll is the number of records to poll at once.
func (r *reader) maxPoll() int { return min(maxRecords, r.in.MaxInFlight()) }

// fullWait is how long the reader waits for a full partition before it reads the others alone.
const fullWait = 50 * time.Millisecond

// awaitRoom waits while a partition is full. If that lasts, it pauses the partition, whose receivers may be stuck, so that the others go on.
func (r *reader) awaitRoom(ctx context.Context) {
	var late <-chan time.Time // when to pause
	for ctx.Err() == nil {
		var full []*partition
		for _, p := range r.list() {
			if !p.paused.Load() && p.full() {
				full = append(full, p)
			}
		}
		if len(full) == 0 {
			return
		}
		if late == nil {
			late = time.After(fullWait)
		}
		select {
		case <-ctx.Done():
		case <-r.freed:
		case <-late:
			for _, p := range full {
				p.pause()
			}
			return
		}
	}
}

// signal sends to a channel with a buffer, unless it is full.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// tend gives waiting records to feeds that have room again, and resumes partitions, until ctx ends.
func (r *reader) tend(ctx context.Context) {
	const shortest = time.Millisecond // between two looks
	ticks := time.NewTicker(commitInterval)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		case <-r.notify:
		}
		for _, p := range r.list() {
			p.tend()
		}
		signal(r.freed)
		signal(r.due)
		timer := time.NewTimer(shortest)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// commitUntil commits what was handled until ctx ends. It is not part of tend, since a commit waits for the brokers.
func (r *reader) commitUntil(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.due:
		}
		committing, cancel := context.WithTimeout(ctx, r.commitTimeout())
		_ = r.commit(committing, r.list(), false) // tried again
		cancel()
	}
}

// assigned opens partitions.
func (r *reader) assigned(_ context.Context, client *kgo.Client, added map[string][]int32) {
	client.ResumeFetchPartitions(added) // a pause of an earlier assignment would last
	r.mu.Lock()
	defer r.mu.Unlock()
	for at := range places(added) {
		if r.partitions[at] == nil {
			p := r.newPartition(at)
			if until := r.until.Load(); until != 0 {
				p.feed.Extend(r.began.Add(time.Duration(until)))
			}
			r.partitions[at] = p
		}
	}
}

// revoked releases partitions, before another member reads them.
func (r *reader) revoked(_ context.Context, _ *kgo.Client, removed map[string][]int32) {
	r.release(r.drainTimeout(), slices.Collect(places(removed)))
}

// lost closes partitions that other members may read already.
func (r *reader) lost(_ context.Context, client *kgo.Client, removed map[string][]int32) {
	client.ResumeFetchPartitions(removed)
	for at := range places(removed) {
		if p := r.remove(at); p != nil {
			p.close()
		}
	}
}

// remove removes a partition. The troubles of its topic end with the last partition.
func (r *reader) remove(at place) *partition {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.partitions[at]
	delete(r.partitions, at)
	for other := range r.partitions {
		if other.topic == at.topic {
			return p
		}
	}
	r.in.Works(at.topic)
	return p
}

// release drains partitions for at most wait, commits what was handled, and closes them.
func (r *reader) release(wait time.Duration, released []place) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	partitions := map[place]*partition{}
	for _, at := range released {
		r.mu.Lock()
		if p := r.partitions[at]; p != nil {
			partitions[at] = p
		}
		r.mu.Unlock()
	}
	var draining sync.WaitGroup
	for _, p := range partitions {
		draining.Go(func() { _ = p.feed.Drain(ctx) }) // what is not handled then is delivered again
	}
	draining.Wait()
	committing, cancel := context.WithTimeout(context.Background(), r.lastCommitTimeout())
	defer cancel()
	r.commitAll(committing, partitions)
	for at, p := range partitions {
		r.remove(at)
		p.close()
		r.client.ResumeFetchPartitions(map[string][]int32{at.topic: {at.partition}})
	}
}

func places(m map[string][]int32) func(yield func(place) bool) {
	return func(yield func(place) bool) {
		for topic, partitions := range m {
			for _, partition := range partitions {
				if !yield(place{topic, partition}) {
					return
				}
			}
		}
	}
}
