package redis

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
)

// Config configures a [Source]. New copies it. Printing a Config shows no credentials.
type Config struct {
	// Server has the servers, the credentials and the timeouts. Its settings for publishing are not used, except that
	// dead-letter streams are trimmed to MaxLen.
	Server redis.Config

	// Group is the name of the consumer group. Empty means that the source acknowledges nothing.
	Group string
	// Topics are the full names of the streams to read.
	Topics []string
	// Start says where a group that does not exist begins. The default is [consume.Earliest]. Without a group, the
	// default is [consume.Latest].
	Start consume.Start
	// Lease is the time after which another member takes over from one that is silent. 0 means 2 s, the least 100 ms.
	Lease time.Duration
	// Member names the process in the group. It must differ between processes. Empty means a name made of the host
	// name, the process ID and random text.
	Member string
	// ReadEntries is the most entries of one read. 0 means 1000.
	ReadEntries int
}

// ConfigError reports an invalid field of a [Config]. New returns all of them, joined.
type ConfigError struct {
	// Field is the name of the field.
	Field string
	// Found says what was found, and Want what is allowed.
	Found, Want string
}

// Error returns the fault on one line.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("redis: Config.%s: %s; want %s", e.Field, e.Found, e.Want)
}

// String returns the servers, the group and the streams.
func (c Config) String() string {
	return fmt.Sprintf("redis.Config{%v, group %q, topics %q}", c.Server, c.Group, c.Topics)
}

// Format writes String for every verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalText returns String, so that a Config in JSON or in a log shows no credentials.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// checked returns c with its defaults. The error joins a *ConfigError for each fault.
func (c Config) checked() (Config, error) {
	var faults []error
	fault := func(field, found, want string) { faults = append(faults, &ConfigError{field, found, want}) }
	if len(c.Topics) == 0 {
		fault("Topics", "found none", "at least one stream")
	}
	for i, topic := range c.Topics {
		if topic == "" {
			fault(fmt.Sprintf("Topics[%d]", i), "found an empty name", "the full name of a stream")
		}
	}
	if c.Lease == 0 {
		c.Lease = 2 * time.Second
	}
	if c.Lease < 100*time.Millisecond {
		fault("Lease", "found "+c.Lease.String(), "0 for the default, or 100ms or more")
	}
	if c.ReadEntries == 0 {
		c.ReadEntries = 1000
	}
	if c.ReadEntries < 0 {
		fault("ReadEntries", "found "+strconv.Itoa(c.ReadEntries), "0 for the default, or more")
	}
	if c.Server.MaxLen == 0 {
		c.Server.MaxLen = 10_000
	}
	if c.Server.ReadTimeout == 0 {
		c.Server.ReadTimeout = 5 * time.Second
	}
	if c.Member == "" {
		host, _ := os.Hostname()
		c.Member = fmt.Sprintf("%s-%d-%.8s", host, os.Getpid(), rand.Text())
	}
	if c.Group != "" {
		c.Start = c.Start.Or(consume.Earliest())
	}
	return c, errors.Join(faults...)
}
