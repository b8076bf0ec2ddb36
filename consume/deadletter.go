package consume

import (
	"fmt"
	"strconv"
	"strings"
)

// The fields that a dead letter has behind those of its message.
const (
	// FieldPrefix begins the names of all of them.
	FieldPrefix = "signalcast_"
	// FieldReason says why the message could not be handled. It contains no event data, unless a receiver puts it into an
	// error.
	FieldReason = "signalcast_reason"
	// FieldAttempts is the number of attempts that count.
	FieldAttempts = "signalcast_attempts"
	// FieldGroup is the group of the consumer.
	FieldGroup = "signalcast_group"
	// FieldPosition is the place of the message. See [Message.Position].
	FieldPosition = "signalcast_position"
)

// DeadLetterTopic returns the name of the topic for the dead letters of a topic: "orders-catalog-dead".
func DeadLetterTopic(topic, group, suffix string) string {
	if group == "" {
		return topic + "-" + suffix
	}
	return topic + "-" + group + "-" + suffix
}

func (c *Consumer) deadLetterTopic(topic string) string {
	return DeadLetterTopic(topic, c.source.Group(), c.config.DeadLetterSuffix)
}

func (c *Consumer) deadLetterFields(it *item) []Field {
	return []Field{
		{FieldReason, reason(it.err)},
		{FieldAttempts, strconv.Itoa(it.attempts())},
		{FieldGroup, c.source.Group()},
		{FieldPosition, it.message().Position()},
	}
}

// reason returns the text of err on one line and of bounded length.
func reason(err error) string {
	const most = 1000
	text := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\n", "; "), "?")
	if len(text) > most {
		text = fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:most], ""), len(text))
	}
	return text
}
