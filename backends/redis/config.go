package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config says which Redis to write to and how. The zero value of every field
// but URL and Addrs is its default. New copies it and keeps no reference but
// to TLS, Logger and OnTrim.
//
// A Config that is printed, logged or marshalled shows no password, unless it is
// an unexported field of something that is printed, where fmt cannot ask it.
type Config struct {
	// URL names one server:
	//
	//	redis://[[user]:[password]@]host[:port][/db]
	//	rediss://…                         the same over TLS
	//	unix://[[user]:[password]@]/path/to/socket
	//
	// The port defaults to 6379. Either URL or Addrs is given. Everything that
	// is not part of these forms has a field of its own; query parameters are refused.
	URL string

	// Addrs are the host:port addresses of some nodes of a Redis Cluster or,
	// with MasterName, of Sentinels.
	Addrs []string
	// MasterName is the name under which the Sentinels at Addrs know the master.
	// Empty means that Addrs is a Redis Cluster.
	MasterName string
	// SentinelUsername and SentinelPassword are the credentials for the Sentinels
	// themselves. Empty means none.
	SentinelUsername, SentinelPassword string

	// Username and Password are the credentials for the servers, where URL does
	// not hold them. Empty means none.
	Username, Password string
	// DB is the number of the logical database, where URL does not name it.
	// A Cluster has only database 0.
	DB int
	// TLS configures connections, and switches TLS on where URL does not.
	// With rediss and a nil TLS the system's certificates are trusted.
	TLS *tls.Config

	// MaxLen is the number of entries that a stream is trimmed to, approximately:
	// Redis removes the oldest entries, read or not, in whole blocks, so that
	// somewhat more may stay. 0 means 10,000, as in the reference; -1 means no trimming.
	MaxLen int64
	// OnTrim is called when consumers of a stream are so far behind that trimming
	// is about to remove, or has removed, what they have not read. It is called
	// for every group at most once a minute, from a goroutine that writes to
	// the stream: it does not block. Nil means that nobody looks.
	OnTrim func(Trim)

	// BufferMessages is the largest number of messages that are accepted and not
	// yet acknowledged. 0 means 10,000.
	BufferMessages int
	// BufferBytes bounds the memory of these messages, counted as their encoded
	// value and key plus 1 KiB each. A larger message is refused with
	// ErrTooLarge. 0 means 64 MiB.
	BufferBytes int64
	// FailFast makes Publish return ErrBufferFull when the buffer is full.
	// False means that it waits for room.
	FailFast bool

	// BatchMessages is the largest number of messages of one stream that are
	// written in one transaction. The server does nothing else while it runs one,
	// some microseconds for each message. 0 means 512.
	BatchMessages int
	// Pipelines is the largest number of streams that are written at the same
	// time, each on a connection of its own. 0 means 8.
	Pipelines int

	// DeliveryTimeout is how long a message may wait for its acknowledgement,
	// counted from when it was accepted. It is looked at between attempts to write,
	// so that the failure may be reported later by as long as one takes: at most
	// DialTimeout and a few times ReadTimeout. 0 means 90 s, which is less than the
	// 100 s for which Redis 8.6 recognises repeated messages by default.
	DeliveryTimeout time.Duration
	// DialTimeout bounds connecting, TLS included. 0 means 5 s.
	DialTimeout time.Duration
	// ReadTimeout bounds each wait for the server to send or to take bytes;
	// a connection that exceeds it is given up. 0 means 5 s.
	ReadTimeout time.Duration

	// Logger gets a warning when writing to a stream begins to fail, and a note
	// when it works again. Nil means silence.
	Logger *slog.Logger
}

// ConfigError reports a field of a Config that New refuses.
type ConfigError struct {
	// Field is the name of the field.
	Field string
	// Problem says what was found and what is allowed, without passwords.
	Problem string
}

// Error names the field and the problem.
func (e *ConfigError) Error() string { return "redis: Config." + e.Field + " " + e.Problem }

// String describes the configuration without credentials.
func (c Config) String() string {
	place := strings.Join(c.Addrs, ",")
	if c.URL != "" {
		place = "URL that cannot be parsed"
		if u, err := url.Parse(c.URL); err == nil {
			place = u.Scheme + "://" + u.Host
		}
	}
	return fmt.Sprintf("redis.Config{%s}", place)
}

// GoString returns String.
func (c Config) GoString() string { return c.String() }

// MarshalText returns String: a Config that is logged or marshalled by accident keeps its secrets.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// withDefaults returns c with every zero value replaced by its default.
func (c Config) withDefaults() Config {
	orDefault(&c.MaxLen, 10_000)
	orDefault(&c.BufferMessages, 10_000)
	orDefault(&c.BufferBytes, 64<<20)
	orDefault(&c.BatchMessages, 512)
	orDefault(&c.Pipelines, 8)
	orDefault(&c.DeliveryTimeout, 90*time.Second)
	orDefault(&c.DialTimeout, 5*time.Second)
	orDefault(&c.ReadTimeout, 5*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// check reports every fault of c, whose defaults are applied.
func (c Config) check() error {
	var faults []error
	refuse := func(field, format string, args ...any) {
		faults = append(faults, &ConfigError{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
	counts := []struct {
		field string
		n     int64
	}{
		{"BufferMessages", int64(c.BufferMessages)},
		{"BufferBytes", c.BufferBytes},
		{"BatchMessages", int64(c.BatchMessages)},
		{"Pipelines", int64(c.Pipelines)},
	}
	for _, count := range counts {
		if count.n < 0 {
			refuse(count.field, "is %d; allowed are a positive number, and 0 for the default", count.n)
		}
	}
	times := []struct {
		field string
		d     time.Duration
	}{
		{"DeliveryTimeout", c.DeliveryTimeout},
		{"DialTimeout", c.DialTimeout},
		{"ReadTimeout", c.ReadTimeout},
	}
	for _, limit := range times {
		if limit.d < time.Millisecond {
			refuse(limit.field, "is %v; allowed are 1ms and more, and 0 for the default", limit.d)
		}
	}
	if c.MaxLen < -1 {
		refuse("MaxLen", "is %d; allowed are a positive number, 0 for the default and -1 for no trimming", c.MaxLen)
	}
	if c.OnTrim != nil && c.MaxLen == -1 {
		refuse("OnTrim", "is set where MaxLen -1 says that nothing is trimmed; one of them is allowed")
	}
	if c.DB < 0 {
		refuse("DB", "is %d; a database number is not negative", c.DB)
	}
	switch {
	case c.URL == "" && len(c.Addrs) == 0:
		refuse("URL", "is empty and so is Addrs; one of them says where Redis is")
	case c.URL != "" && len(c.Addrs) > 0:
		refuse("Addrs", "is given and so is URL; one of them says where Redis is")
	case len(c.Addrs) > 0 && c.MasterName == "" && c.DB != 0:
		refuse("DB", "is %d; a Redis Cluster has only database 0", c.DB)
	case c.URL != "" && c.MasterName != "":
		refuse("MasterName", "is given with URL; the addresses of Sentinels belong in Addrs")
	}
	for i, addr := range c.Addrs {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || !isPort(port) {
			refuse(fmt.Sprintf("Addrs[%d]", i), "is not of the form host:port, with a port from 1 to 65535")
		}
	}
	if c.MasterName == "" && (c.SentinelUsername != "" || c.SentinelPassword != "") {
		refuse("SentinelPassword", "or SentinelUsername is given without MasterName; they belong to Sentinels")
	}
	return errors.Join(faults...)
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// mergeURL moves what URL says into the other fields: Addrs, Username, Password,
// DB and TLS. An error never quotes the URL, which may hold a password in any place.
func (c *Config) mergeURL() error {
	refuse := func(problem string) error { return &ConfigError{Field: "URL", Problem: problem} }
	u, err := url.Parse(c.URL)
	if err != nil {
		return refuse("cannot be parsed; allowed are redis://, rediss:// and unix:// URLs, " +
			"in which special characters of the user and the password are percent-encoded")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return refuse("has a query or a fragment; settings have fields of their own in Config")
	}
	path := strings.Trim(u.Path, "/")
	switch u.Scheme {
	case "redis", "rediss":
		if u.Hostname() == "" {
			return refuse("has no host")
		}
		port := u.Port()
		if port == "" {
			port = "6379"
		}
		if !isPort(port) {
			return refuse("has an impossible port; allowed are 1 to 65535, and none for 6379")
		}
		c.Addrs = []string{net.JoinHostPort(u.Hostname(), port)}
		if path != "" {
			db, err := strconv.Atoi(path)
			switch {
			case err != nil || db < 0:
				return refuse("has a path that is not the number of a database")
			case c.DB != 0 && c.DB != db:
				return refuse("names another database than Config.DB")
			}
			c.DB = db
		}
		if u.Scheme == "rediss" && c.TLS == nil {
			c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	case "unix":
		if path == "" {
			return refuse("has no path to a socket")
		}
		c.Addrs = []string{u.Path}
	default:
		return refuse("has an unknown scheme; allowed are redis, rediss and unix")
	}
	if u.User != nil {
		if c.Username != "" || c.Password != "" {
			return refuse("holds credentials and so do Username and Password; one place is allowed")
		}
		c.Username = u.User.Username()
		c.Password, _ = u.User.Password()
	}
	return nil
}
