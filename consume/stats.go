package consume

import (
	"context"
	"log/slog"
	"maps"
)

// Stats counts what a [Consumer] did since it was made. For every topic and at every moment,
//
//	Received = Handled + Skipped + DeadLettered + Dropped + Returned + Pending
type Stats struct {
	// Topics are the counts of each topic, by its full name.
	Topics map[string]TopicStats
	// Skipped are the skipped messages of each event type that is not registered or has no receivers. At most 1000
	// event types are kept. Others are counted under the empty name.
	Skipped map[string]int64
}

// TopicStats counts the messages of a topic.
type TopicStats struct {
	// Received is the number of messages that the source gave to the consumer. A message that is
	// delivered again counts again.
	Received int64
	// Handled is the number of messages whose receivers succeeded.
	Handled int64
	// Skipped is the number of messages that were skipped.
	Skipped int64
	// DeadLettered is the number of messages whose dead letter was acknowledged.
	DeadLettered int64
	// Dropped is the number of messages that were dropped.
	Dropped int64
	// Returned is the number of messages that were not handled when the source stopped reading the partition
	// or stream. The broker delivers them again.
	Returned int64
	// Pending is the number of messages that are not handled yet.
	Pending int64
	// Failed is the number of failed attempts.
	Failed int64
	// Lost is the number of messages that the broker removed before they were read.
	Lost int64
}

// topicCounts are the counts of a topic.
type topicCounts struct {
	TopicStats

	held int // lanes that wait for a failed message
}

// countsOf returns the counts of a topic. It is called with mu held.
func (c *Consumer) countsOf(topic string) *topicCounts {
	counts := c.topics[topic]
	if counts == nil {
		counts = &topicCounts{}
		c.topics[topic] = counts
	}
	return counts
}

// Stats returns the counts, all of one moment.
func (c *Consumer) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Topics: make(map[string]TopicStats, len(c.topics)), Skipped: maps.Clone(c.skipped)}
	for topic, counts := range c.topics {
		s.Topics[topic] = counts.TopicStats
	}
	return s
}

// maxSkipped bounds the event types of Stats.Skipped.
const maxSkipped = 1000

// reportSkipped counts a skipped message, calls the hook, and logs the first one of each event type.
func (c *Consumer) reportSkipped(m *Message, eventType string) {
	if hook := c.config.Hooks.Skipped; hook != nil {
		c.protect("Skipped", func() { hook(m) })
	}
	if m.Value == nil {
		return
	}
	c.mu.Lock()
	_, known := c.skipped[eventType]
	if !known && len(c.skipped) >= maxSkipped {
		eventType, known = "", true
	}
	c.skipped[eventType]++
	c.mu.Unlock()
	if !known {
		c.log.LogAttrs(context.Background(), slog.LevelWarn, "events of a type are skipped, without a registered signal or a receiver",
			slog.String("topic", m.Topic), slog.String("event_type", eventType))
	}
}
