package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/signalcast/signalcast/backends/redis/internal/rawconn"
)

// Client returns a client of go-redis for the servers of c, with its credentials and timeouts, for other commands than those of the
// backend. It connects at the first use. The settings of the backend itself are not used. The error joins a [*ConfigError] for each
// fault of c.
func Client(c Config) (redis.UniversalClient, error) {
	c = c.withDefaults()
	cluster := c.URL == "" && c.MasterName == ""
	err := c.check()
	if c.URL != "" {
		err = errors.Join(err, c.mergeURL())
	}
	if err != nil {
		return nil, err
	}
	options := optionsOf(c, rawconn.New())
	options.IsClusterMode = cluster
	options.PoolSize, options.ReadBufferSize = 0, 64<<10 // 0 is the default of the client
	return redis.NewUniversalClient(options), nil
}

// newClient returns a client for one server: the one of c, the master that Sentinels name, or
// the node of a cluster at addr. Its connections are in conns. It connects at the first use.
func newClient(c Config, addr string, conns *rawconn.Set) client {
	options := optionsOf(c, conns)
	if c.MasterName != "" {
		return server{redis.NewFailoverClient(options.Failover())}
	}
	if addr != "" {
		options.Addrs = []string{addr}
	}
	return server{redis.NewClient(options.Simple())}
}

// client is a client for one server, a [server]. See [conn].
type client interface {
	ClusterSlots(ctx context.Context) *redis.ClusterSlotsCmd
	Close() error
	// connect returns a session of its own, which connects at the first use.
	connect() conn
}

type server struct{ *redis.Client }

func (s server) connect() conn { return s.EphemeralConn() }

// optionsOf returns the options of every client. Its connections are in conns. It is not a method of Config, see [conn].
func optionsOf(c Config, conns *rawconn.Set) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs:                      c.Addrs,
		MasterName:                 c.MasterName,
		Username:                   c.Username,
		Password:                   c.Password,
		CredentialsProviderContext: c.Credentials,
		SentinelUsername:           c.SentinelUsername,
		SentinelPassword:           c.SentinelPassword,
		DB:                         c.DB,
		Dialer:                     dialer(c, conns),
		DialerRetries:              1,
		// The backend retries itself.
		MaxRetries:   -1,
		DialTimeout:  c.DialTimeout,
		ReadTimeout:  c.ReadTimeout,
		WriteTimeout: c.ReadTimeout,
		// For the deadline of Prepare.
		ContextTimeoutEnabled: true,
		PoolSize:              c.Pipelines,
		// The client itself sends short commands only.
		ReadBufferSize:           4 << 10,
		WriteBufferSize:          4 << 10,
		PipelinePoolSize:         -1,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// dialer returns a function that connects as c configures. A failure to connect is returned by
// the first use of the connection: go-redis prints the errors of a dialer to stderr, and
// dials in the background after some of them.
func dialer(c Config, conns *rawconn.Set) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dial, timeout, tlsConfig := c.Dial, c.DialTimeout, c.TLS
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		conn, err := dial(ctx, network, addr)
		if err == nil && tlsConfig != nil {
			conn, err = secured(ctx, conn, addr, tlsConfig)
		}
		if err != nil {
			conn = unconnected{err: fmt.Errorf("connect: %w", err)} // go-redis unwraps it once
		}
		return conns.Add(addr, conn), nil
	}
}

// secured returns a TLS connection over conn. It checks the certificate for the host of addr,
// unless the configuration names another.
func secured(ctx context.Context, conn net.Conn, addr string, config *tls.Config) (net.Conn, error) {
	if config.ServerName == "" && !config.InsecureSkipVerify {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(addr)
	}
	over := tls.Client(conn, config)
	if err := over.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err //nolint:wrapcheck // the caller wraps it
	}
	return over, nil
}

// unconnected stands for a connection that failed.
type unconnected struct{ err error }

func (c unconnected) Read([]byte) (int, error)         { return 0, c.err }
func (c unconnected) Write([]byte) (int, error)        { return 0, c.err }
func (c unconnected) Close() error                     { return nil }
func (c unconnected) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c unconnected) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c unconnected) SetDeadline(time.Time) error      { return nil }
func (c unconnected) SetReadDeadline(time.Time) error  { return nil }
func (c unconnected) SetWriteDeadline(time.Time) error { return nil }
