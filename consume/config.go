package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/signalcast/signalcast"
)

// Config configures a [Consumer]. The zero Config is valid.
type Config struct {
	// Concurrency is the most receivers' calls at the same time. The default is 16. With 1, the messages
	// of a partition or stream are handled strictly in order, whatever their keys.
	Concurrency int
	// MaxInFlight is the most messages of a partition or stream that are read and not handled. The consumer also stops
	// reading while as many handled ones wait for their acknowledgement. The default is 1000.
	MaxInFlight int
	// Keys is the configuration of the producers. It gives messages from a bus without keys, such as Redis, the key that
	// the producers would use. Without a key, all messages of a stream are in one lane. It does not affect
	// messages with a key.
	Keys signalcast.ProducerConfig
	// TopicPrefix is the prefix of the producers. It is used with Keys only.
	TopicPrefix string
	// Retry says when a message is handled again after a failure.
	Retry Retry
	// OnFailure says what happens to a message that cannot be handled. The default is DeadLetter.
	OnFailure Action
	// DeadLetterSuffix ends the names of dead-letter topics. The messages of "orders" go to
	// "orders-catalog-dead" if the group is "catalog" and the suffix is "dead", the default.
	DeadLetterSuffix string
	// FailUnknown treats an event whose type is not registered, or has no receivers, as one that cannot be handled. By
	// default, it is skipped.
	FailUnknown bool
	// MaxBytes is the size of the largest event data that is decoded. The default is 16 MiB.
	MaxBytes int
	// MaxDeliveries is how often the broker may deliver a message that is never acknowledged, because handling it ends the process. After that,
	// it is not handled but treated as one that cannot be handled. The default is 20. Negative means no limit.
	MaxDeliveries int
	// Grace is how long Run waits for receivers after its context has ended. Then their contexts end too. The default
	// is 20 s.
	Grace time.Duration
	// Handle is called for each event instead of its Deliver method, for example to run Deliver in a trace. It must be
	// safe for concurrent use.
	Handle func(ctx context.Context, e *signalcast.Received) error
	// HandleAll calls Handle also for events without receivers, whose Deliver method does nothing. It needs Handle.
	HandleAll bool
	// Logger gets changes of state, failures and dead letters. It never gets event data or keys. The default
	// discards everything.
	Logger *slog.Logger
	// Hooks are called when something has happened.
	Hooks Hooks
}

// Retry says when a message is handled again after a failure. The zero Retry is valid.
type Retry struct {
	// Attempts is the number of failed attempts after which a message cannot be handled. An attempt counts only if another
	// message of the topic was handled during it or since the attempt before, or after Patience. The default is 8.
	Attempts int
	// Min and Max bound the pause before the next attempt. The pause doubles with each attempt. The defaults are
	// 100 ms and 1 min.
	Min, Max time.Duration
	// Patience is the time since the first failure of a message after which every attempt counts. It
	// bounds how long a message can hold its lane. The default is 1 h.
	Patience time.Duration
}

// Action says what happens to a message that cannot be handled.
type Action int

const (
	// DeadLetter publishes the message to the dead-letter topic, and acknowledges it then.
	DeadLetter Action = iota
	// Drop acknowledges the message. The message is logged and counted.
	Drop
	// Stop makes Run return a [*StopError]. The message is not acknowledged.
	Stop
)

// String returns the name of the action.
func (a Action) String() string {
	switch a {
	case DeadLetter:
		return "dead letter"
	case Drop:
		return "drop"
	case Stop:
		return "stop"
	default:
		return fmt.Sprintf("Action(%d)", int(a))
	}
}

// Hooks are functions that a [Consumer] calls on the goroutine that handled the message. Each may be nil, and must be safe for
// concurrent use. They must return soon and must not keep or change the message. A panic of a hook is recovered and logged.
type Hooks struct {
	// Handled is called for each message whose receivers succeeded.
	Handled func(m *Message, e signalcast.Metadata)
	// Failed is called for each failed attempt, with the number of attempts that count so far.
	Failed func(m *Message, attempts int, err error)
	// DeadLettered is called for each message whose dead letter was acknowledged. err says why it
	// could not be handled.
	DeadLettered func(m *Message, topic string, err error)
	// Dropped is called for each message that was dropped.
	Dropped func(m *Message, err error)
	// Skipped is called for each message that was skipped: without a value, of an unknown event type, or
	// without receivers.
	Skipped func(m *Message)
}

// ConfigError reports a setting of a [Config] that is not valid.
type ConfigError struct {
	// Setting is the name of the field.
	Setting string
	// Found says what was found, and Want what is allowed.
	Found, Want string
}

// Error returns the fault on one line.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("consume: %s: found %s; want %s", e.Setting, e.Found, e.Want)
}

func (c *Config) setDefaults() error {
	var faults []error
	fault := func(setting, found, want string) { faults = append(faults, &ConfigError{setting, found, want}) }
	for _, n := range []struct {
		name  string
		value *int
		usual int
	}{
		{"Concurrency", &c.Concurrency, 16},
		{"MaxInFlight", &c.MaxInFlight, 1000},
		{"MaxBytes", &c.MaxBytes, 16 << 20},
		{"Retry.Attempts", &c.Retry.Attempts, 8},
	} {
		if *n.value == 0 {
			*n.value = n.usual
		}
		if *n.value < 0 {
			fault(n.name, strconv.Itoa(*n.value), "a positive number, or 0 for the default")
		}
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		usual time.Duration
	}{
		{"Retry.Min", &c.Retry.Min, 100 * time.Millisecond},
		{"Retry.Max", &c.Retry.Max, time.Minute},
		{"Retry.Patience", &c.Retry.Patience, time.Hour},
		{"Grace", &c.Grace, 20 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.usual
		}
		if *d.value < time.Millisecond {
			fault(d.name, d.value.String(), "at least 1ms, or 0 for the default")
		}
	}
	if c.MaxDeliveries == 0 {
		c.MaxDeliveries = 20
	}
	if c.OnFailure < DeadLetter || c.OnFailure > Stop {
		fault("OnFailure", c.OnFailure.String(), "DeadLetter, Drop or Stop")
	}
	if c.HandleAll && c.Handle == nil {
		fault("HandleAll", "true without Handle", "both, or neither")
	}
	if c.DeadLetterSuffix == "" {
		c.DeadLetterSuffix = "dead"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return errors.Join(faults...)
}
