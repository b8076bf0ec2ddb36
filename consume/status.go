package consume

import (
	"cmp"
	"slices"
	"time"

	"github.com/signalcast/signalcast"
)

// Status is what a consumer knows about its work at one moment.
type Status struct {
	// Running reports whether Run is working.
	Running bool
	// Group is the group of the source.
	Group string
	// Feeds are the partitions and streams that are read, sorted by topic and partition.
	Feeds []FeedStatus
	// Retrying are the messages that wait for their next attempt, the oldest first, at most 100.
	Retrying []Retrying
	// Troubles are the topics that the source cannot read, sorted by topic. An empty topic means all.
	Troubles []signalcast.Trouble
}

// FeedStatus describes a partition or stream that is read.
type FeedStatus struct {
	// Topic is the full name of the topic or stream, and Partition the partition of a Kafka topic.
	Topic     string
	Partition int32
	// Lag is the number of messages that are not handled: those read, and those behind them in the broker. -1 means
	// unknown.
	Lag int64
	// Draining reports whether the source gives the partition or stream away, so that no further message of it begins.
	Draining bool
	// Pending is the number of messages that were read and are not handled.
	Pending int
	// Oldest is when the broker stored the oldest message that was read and is not handled. It is zero
	// without such a message, or if the broker does not tell.
	Oldest time.Time
}

// Retrying is a message that waits for its next attempt.
type Retrying struct {
	// Position is the place of the message. See [Message.Position].
	Position string
	// EventType is the name of the signal, or empty if the message cannot be read.
	EventType string
	// Since is the time of the first failure, and Next that of the next attempt.
	Since, Next time.Time
	// Attempts is the number of failed attempts that count.
	Attempts int
	// Err is the error of the last attempt.
	Err error
}

// maxRetrying bounds Status.Retrying.
const maxRetrying = 100

// Status returns the state of the consumer. It asks neither the broker nor the source, so it can serve a probe.
func (c *Consumer) Status() Status {
	s := Status{Running: c.running.Load(), Group: c.source.Group(), Troubles: c.troubles.list()}
	c.mu.Lock()
	for f := range c.feeds {
		s.Feeds = append(s.Feeds, f.status())
	}
	for l := range c.held {
		it := l.first
		r := Retrying{
			Position: it.message().Position(), EventType: it.eventType(),
			Since: it.failure.since, Next: it.failure.retryAt, Attempts: it.failure.attempts, Err: it.failure.lastErr,
		}
		s.Retrying = append(s.Retrying, r)
	}
	c.mu.Unlock()
	slices.SortFunc(s.Feeds, func(a, b FeedStatus) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	slices.SortFunc(s.Retrying, func(a, b Retrying) int { return a.Since.Compare(b.Since) })
	s.Retrying = s.Retrying[:min(len(s.Retrying), maxRetrying)]
	return s
}

// status is called with mu held.
func (f *Feed) status() FeedStatus {
	s := FeedStatus{Topic: f.config.Topic, Partition: f.config.Partition, Lag: -1, Draining: f.draining, Pending: f.pending}
	if f.backlog >= 0 {
		s.Lag = f.backlog + int64(f.pending)
	}
	for _, it := range f.items {
		if at := it.message().Time; !it.done && !at.IsZero() && (s.Oldest.IsZero() || at.Before(s.Oldest)) {
			s.Oldest = at
		}
	}
	return s
}
