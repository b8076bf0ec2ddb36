package consume

import (
	"context"
	"log/slog"
	"time"
)

// Source reads the messages of some topics for one group of consumers. Package consume/consumetest
// checks the rules below.
type Source interface {
	// Run reads messages and adds them to feeds of in, until ctx ends. It opens a feed for each partition or stream that it
	// reads, and closes the feed when it does not read it any more.
	//
	// An unreachable broker is no error: Run reports it to in and tries again. Run returns an error only if trying
	// again cannot help.
	//
	// When ctx has ended, Run reads nothing more, drains its feeds for at most in.Grace, acknowledges what was
	// handled, closes the feeds, and returns nil. Run is not called again before it has returned.
	Run(ctx context.Context, in *Intake) error
	// Publish writes a message to another topic, as the broker stored it, with the given fields behind its own ones. Fields of an
	// earlier dead letter, whose names begin with FieldPrefix, are left out. It returns nil when the broker has acknowledged it. It is safe for
	// concurrent use, and may be called while Run is running.
	Publish(ctx context.Context, topic string, m *Message, extra []Field) error
	// Group returns the name of the group. It is empty for a source that acknowledges nothing.
	Group() string
}

// Operator is what a [Source] may offer to operators of its group. The command signalcast uses it.
type Operator interface {
	// Lag returns how far the group is behind, for each partition or stream, sorted by topic and partition. Without a group,
	// Behind is unknown.
	Lag(ctx context.Context) ([]Lag, error)
	// Replay moves the group so that it reads the messages that the broker stored since the given time again.
	// If apply is false, it changes nothing. It returns an error if the group has members that are reading.
	Replay(ctx context.Context, since time.Time, apply bool) ([]Move, error)
}

// Lag is how far a group is behind in a partition or stream.
type Lag struct {
	// Topic is the full name of the topic or stream, and Partition the partition of a Kafka topic.
	Topic     string
	Partition int32
	// Members is the number of processes of the group that read it.
	Members int
	// Behind is the number of messages that the group has not acknowledged. -1 means unknown.
	Behind int64
	// Newest is the newest message that the broker has, or nil if it has none.
	Newest *Position
	// Oldest is when the broker stored the oldest of them. It is zero without such a message, or if the broker does not tell.
	Oldest time.Time
}

// Move is a change of the place where a group reads a partition or stream.
type Move struct {
	// Topic is the full name of the topic or stream, and Partition the partition of a Kafka topic.
	Topic     string
	Partition int32
	// From and To are the places before and after, as the broker writes them.
	From, To string
	// Messages is the number of messages between them. -1 means unknown.
	Messages int64
}

// Start says where a group that does not exist yet begins to read. The zero Start is the default of the source.
type Start struct {
	place startPlace
	since time.Time
}

type startPlace int

const (
	startDefault startPlace = iota
	startEarliest
	startLatest
	startSince
)

// Earliest starts with the oldest message that the broker has.
func Earliest() Start { return Start{place: startEarliest} }

// Latest starts with the next message that the broker stores.
func Latest() Start { return Start{place: startLatest} }

// Since starts with the first message that the broker stored at t or later.
func Since(t time.Time) Start { return Start{place: startSince, since: t} }

// Or returns s, or other if s is the zero Start.
func (s Start) Or(other Start) Start {
	if s.place == startDefault {
		return other
	}
	return s
}

// IsEarliest reports whether s is Earliest.
func (s Start) IsEarliest() bool { return s.place == startEarliest }

// IsLatest reports whether s is Latest.
func (s Start) IsLatest() bool { return s.place == startLatest }

// Time returns the time that was given to Since, or the zero time.
func (s Start) Time() time.Time { return s.since }

// Field is a Kafka header, or a field of a Redis stream entry.
type Field struct{ Name, Value string }

// Intake is how a [Source] gives messages to its [Consumer]. All methods are safe for concurrent use.
type Intake struct{ consumer *Consumer }

// Open returns a feed for a partition or stream. The caller must close it.
func (in *Intake) Open(c FeedConfig) *Feed { return newFeed(in.consumer, c) }

// MaxInFlight returns Config.MaxInFlight.
func (in *Intake) MaxInFlight() int { return in.consumer.config.MaxInFlight }

// Grace returns Config.Grace.
func (in *Intake) Grace() time.Duration { return in.consumer.config.Grace }

// Logger returns the logger of the consumer. It is never nil, and does not panic.
func (in *Intake) Logger() *slog.Logger { return in.consumer.log }

// Failed reports that the source cannot read a topic at present, and tries again. An empty topic means all topics. err
// must not contain event data.
func (in *Intake) Failed(topic string, err error) { in.consumer.troubles.failed(topic, err) }

// Works reports that the source reads the topic again.
func (in *Intake) Works(topic string) { in.consumer.troubles.works(topic) }
