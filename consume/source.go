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
	// Publish writes a message to the dead-letter topic, as the broker stored it, with the given fields
	// behind its own ones. It returns nil when the broker has acknowledged it. It is safe for
	// concurrent use, and may be called while Run is running.
	Publish(ctx context.Context, topic string, m *Message, extra []Field) error
	// Group returns the name of the group. It is empty for a source that acknowledges nothing.
	Group() string
}

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
