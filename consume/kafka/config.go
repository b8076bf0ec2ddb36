package kafka

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// Config configures a [Source]. New copies it. Printing a Config shows no credentials.
//
// The source reads ahead: for each partition, it keeps up to about 4 times MaxInFlight of [consume.Config] and at most 4000 records, or 1 MiB
// and the records of a fetch, that the consumer has no room for. They are not delivered yet, so they do not count as in flight.
type Config struct {
	// Config has the brokers, the schema registry, the credentials and the timeouts. Its settings for publishing are not used,
	// except that dead letters are written within DeliveryTimeout.
	kafkaconfig.Config

	// Group is the name of the consumer group. Empty means that the source reads all partitions and commits nothing.
	Group string
	// Topics are the full names of the topics to read.
	Topics []string
	// Start says where a new group begins in the partitions that exist then. The default is [consume.Latest], as for the Open edX
	// event bus. The first member commits the place before it reads. A partition that is added later is read from its first
	// message.
	Start consume.Start
	// SessionTimeout is the time after which the brokers give the partitions of a silent member to others. 0
	// means 45 s.
	SessionTimeout time.Duration
	// RebalanceTimeout is how long the brokers wait for a member that gives partitions away. It bounds how long the
	// source waits for receivers then. 0 means 60 s.
	RebalanceTimeout time.Duration
	// InstanceID names the member, so that it keeps its partitions when it restarts within SessionTimeout. It must differ between
	// members. Empty means that it has no such name.
	InstanceID string
}

// String returns the brokers, the registry, the group and the topics.
func (c Config) String() string {
	return fmt.Sprintf("kafka.Config{%v, group %q, topics %q}", c.Config, c.Group, c.Topics)
}

// Format writes String for every verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalText returns String, so that a Config in JSON or in a log shows no credentials.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// checked returns c with its defaults. The error joins a *kafkaconfig.ConfigError for each fault.
func (c Config) checked() (Config, error) {
	var err error
	c.Config, err = kafkabus.Check(c.Config)
	faults := []error{err}
	fault := func(field, found, want string) {
		faults = append(faults, &kafkaconfig.ConfigError{Field: field, Found: found, Want: want})
	}
	if len(c.Topics) == 0 {
		fault("Topics", "found none", "at least one topic")
	}
	for i, topic := range c.Topics {
		if topic == "" {
			fault(fmt.Sprintf("Topics[%d]", i), "found an empty name", "the full name of a topic")
		}
	}
	for _, d := range []struct {
		field        string
		value        *time.Duration
		usual, least time.Duration
	}{
		{"SessionTimeout", &c.SessionTimeout, 45 * time.Second, time.Second},
		{"RebalanceTimeout", &c.RebalanceTimeout, 60 * time.Second, time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.usual
		}
		if *d.value < d.least {
			fault(d.field, "found "+d.value.String(), "0 for the default, or "+d.least.String()+" or more")
		}
	}
	if c.InstanceID != "" && c.Group == "" {
		fault("InstanceID", "found a name without a group", "both or neither")
	}
	return c, errors.Join(faults...)
}
