package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config configures a [Backend]. The zero value of every field but URL and Addrs is its
// default. New copies the Config. The backend keeps references to TLS, Logger and the functions.
//
// Printing, logging and marshalling a Config shows no credentials. The exception is a Config in
// an unexported field of a printed value, whose methods package fmt cannot call.
type Config struct {
	// URL names one server:
	//
	//	redis://[[user]:[password]@]host[:port][/db]
	//	rediss://…                         the same over TLS
	//	unix://[[user]:[password]@]/path/to/socket
	//
	// The default port is 6379. Set either URL or Addrs. All other settings are fields of
	// Config; a URL must not have query parameters.
	URL string

	// Addrs are the addresses of some nodes of a Redis Cluster, or of Sentinels if
	// MasterName is set, as host:port.
	Addrs []string
	// MasterName is the name of the master in the configuration of the Sentinels. Empty
	// means that Addrs are nodes of a Redis Cluster.
	MasterName string
	// SentinelUsername and SentinelPassword are the credentials for the Sentinels
	// themselves. Empty means none.
	SentinelUsername, SentinelPassword string

	// Username and Password are the credentials for the servers, unless URL has them.
	// Empty means none.
	Username, Password string
	// Credentials returns the credentials for the servers. It is called for each new connection,
	// so it can return tokens that expire. It must return soon after ctx ends. An error counts
	// as a failure to connect. It must be safe for concurrent use. Nil means Username and
	// Password.
	Credentials func(ctx context.Context) (username, password string, err error)
	// Dial connects to a server or Sentinel, for example through a tunnel. network is "tcp" or
	// "unix". If TLS is set, the backend uses TLS over the connection. It must be safe for
	// concurrent use. Nil means a direct connection.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// DB is the number of the logical database, unless URL has it. A Redis Cluster has
	// only database 0.
	DB int
	// TLS configures the connections. Nil means no TLS, or, for a rediss URL, TLS that trusts
	// the certificates of the system.
	TLS *tls.Config

	// MaxLen is the approximate number of entries that a stream is trimmed to. Redis removes
	// the oldest entries, read or not, in whole blocks, so that somewhat more stay. 0
	// means 10,000, the default of the Open edX event bus. -1 means no trimming.
	MaxLen int64
	// Replicas is the number of replicas that must have a message before it counts as delivered
	// (the command WAIT). If fewer have it at the delivery timeout, the message fails with
	// FateUnknown. 0 means that the master alone is enough.
	Replicas int
	// Synced requires that the master and each of Replicas have the message on disk, in their
	// append-only files (the command WAITAOF). It needs Redis 7.2 or newer. False means that
	// the server's setting appendfsync decides alone.
	Synced bool

	// OnTrim is called when trimming is about to remove, or has removed, entries that a
	// consumer group has not read. It is called at most once a minute for each group, on a
	// goroutine that writes to the stream, so it must not block. A panic is recovered and
	// logged. Nil means that the backend does not watch consumers.
	OnTrim func(Trim)

	// BufferMessages is the number of messages that may be accepted and not
	// acknowledged. 0 means 10,000.
	BufferMessages int
	// BufferBytes bounds the memory of these messages, counted as their encoded value
	// and key plus 1 KiB each. A larger message is rejected with ErrTooLarge. 0 means 64 MiB.
	BufferBytes int64
	// FailFast makes Publish return ErrBufferFull if the buffer is full. False means
	// that it waits for room.
	FailFast bool

	// BatchMessages is the largest number of messages of one stream in a transaction. The
	// server runs nothing else meanwhile, some microseconds for each message. 0 means 512.
	BatchMessages int
	// Pipelines is the largest number of streams that are written to one server at the same
	// time, each on its own connection. Each node of a cluster has as many. 0 means 8.
	Pipelines int

	// DeliveryTimeout is how long a message may wait for its acknowledgement, from when it
	// was accepted. It is checked between attempts, so that the failure may be reported
	// later by the time of one attempt: at most DialTimeout and a few times ReadTimeout.
	// 0 means 90 s, less than the 100 s for which Redis 8.6 recognises duplicates by default.
	DeliveryTimeout time.Duration
	// DialTimeout bounds connecting, including TLS. 0 means 5 s.
	DialTimeout time.Duration
	// ReadTimeout bounds each wait for the server to send or receive bytes. A connection
	// that exceeds it is closed. 0 means 5 s.
	ReadTimeout time.Duration

	// Logger gets a warning when writing to a stream begins to fail, and a line when it works
	// again. Nil means the dispatcher's logger.
	Logger *slog.Logger
}

// ConfigError reports an invalid field of a [Config]. New returns all of them, joined.
type ConfigError struct {
	// Field is the name of the field.
	Field string
	// Found says what was found, without credentials: "found nothing".
	Found string
	// Want says what is allowed.
	Want string
}

// Error returns the fault on one line.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("redis: Config.%s: %s; want %s", e.Field, e.Found, e.Want)
}

// String returns the servers. An address of another form, which may hold credentials, is left out.
func (c Config) String() string {
	servers := make([]string, len(c.Addrs))
	for i, address := range c.Addrs {
		if servers[i] = address; !isAddress(address) {
			servers[i] = "an invalid address"
		}
	}
	place := strings.Join(servers, ",")
	if c.URL != "" {
		place = "an invalid URL"
		if u, err := url.Parse(c.URL); err == nil && slices.Contains([]string{"redis", "rediss", "unix"}, u.Scheme) {
			place = u.Scheme + "://" + u.Host
		}
	}
	return fmt.Sprintf("redis.Config{%s}", place)
}

// Format writes String for every verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalText returns String, so that a Config in JSON or in a log shows no credentials.
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
	fault := func(field, found, want string) { faults = append(faults, &ConfigError{field, found, want}) }
	counts := []struct {
		field string
		n     int64
	}{
		{"BufferMessages", int64(c.BufferMessages)},
		{"BufferBytes", c.BufferBytes},
		{"BatchMessages", int64(c.BatchMessages)},
		{"Pipelines", int64(c.Pipelines)},
		{"Replicas", int64(c.Replicas)},
	}
	for _, count := range counts {
		if count.n < 0 {
			fault(count.field, fmt.Sprintf("found %d", count.n), "0 for the default, or more")
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
			fault(limit.field, fmt.Sprintf("found %v", limit.d), "0 for the default, or 1ms or more")
		}
	}
	if c.MaxLen < -1 {
		fault("MaxLen", fmt.Sprintf("found %d", c.MaxLen), "a positive number, 0 for the default, or -1 for no trimming")
	}
	if c.Credentials != nil && (c.Username != "" || c.Password != "") {
		fault("Credentials", "found a function beside Username or Password", "only one of the two")
	}
	if c.OnTrim != nil && c.MaxLen == -1 {
		fault("OnTrim", "found a function beside MaxLen -1, which turns trimming off", "only one of the two")
	}
	if c.DB < 0 {
		fault("DB", fmt.Sprintf("found %d", c.DB), "0 or more")
	}
	switch {
	case c.URL == "" && len(c.Addrs) == 0:
		fault("URL", "found nothing here and in Addrs", "one of the two")
	case c.URL != "" && len(c.Addrs) > 0:
		fault("Addrs", "found addresses beside URL", "only one of the two")
	case len(c.Addrs) > 0 && c.MasterName == "" && c.DB != 0:
		fault("DB", fmt.Sprintf("found %d for a Redis Cluster", c.DB), "0, its only database")
	case c.URL != "" && c.MasterName != "":
		fault("MasterName", "found a name beside URL", "the addresses of the Sentinels in Addrs")
	}
	for i, addr := range c.Addrs {
		if !isAddress(addr) {
			fault(fmt.Sprintf("Addrs[%d]", i), "found an address of another form", "host:port, with a port from 1 to 65535 and no credentials")
		}
	}
	if c.MasterName == "" && (c.SentinelUsername != "" || c.SentinelPassword != "") {
		fault("MasterName", "found credentials for Sentinels and no name", "the name of the master")
	}
	return errors.Join(faults...)
}

// isAddress reports whether text is host:port. A host has no @, which ends credentials.
func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	return err == nil && host != "" && !strings.Contains(host, "@") && isPort(port)
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// mergeURL sets Addrs, Username, Password, DB and TLS to the parts of URL. An error never
// quotes the URL, which may hold a password in any place.
func (c *Config) mergeURL() error {
	fault := func(found, want string) error { return &ConfigError{"URL", found, want} }
	u, err := url.Parse(c.URL)
	if err != nil {
		return fault("found text that is not a URL", "a redis, rediss or unix URL, with special characters of the credentials percent-encoded")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return fault("found a query or a fragment", "other settings in the fields of Config")
	}
	path := strings.Trim(u.Path, "/")
	switch u.Scheme {
	case "redis", "rediss":
		if u.Hostname() == "" {
			return fault("found no host", "the host of the server")
		}
		port := u.Port()
		if port == "" {
			port = "6379"
		}
		if !isPort(port) {
			return fault("found an invalid port", "1 to 65535, or none for 6379")
		}
		c.Addrs = []string{net.JoinHostPort(u.Hostname(), port)}
		if path != "" {
			db, err := strconv.Atoi(path)
			switch {
			case err != nil || db < 0:
				return fault("found a path that is not a number", "the number of a database")
			case c.DB != 0 && c.DB != db:
				return fault("found another database than in DB", "the number in one place")
			}
			c.DB = db
		}
		if u.Scheme == "rediss" && c.TLS == nil {
			c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	case "unix":
		if path == "" {
			return fault("found no path", "the path of a socket")
		}
		c.Addrs = []string{u.Path}
	default:
		return fault("found an unknown scheme", "redis, rediss or unix")
	}
	if u.User != nil {
		if c.Username != "" || c.Password != "" || c.Credentials != nil {
			return fault("found credentials here and in other fields", "them in one place")
		}
		c.Username = u.User.Username()
		c.Password, _ = u.User.Password()
	}
	return nil
}
