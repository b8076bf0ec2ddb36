//go:build integration

package faults_test

import (
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	consumeredis "github.com/signalcast/signalcast/consume/redis"
	"github.com/signalcast/signalcast/test/hosts"
)

// startHostRedis starts a Redis server on port 6379 of a host, and returns a client for it. environ is the environment of the server. Nil
// means that of the test.
func startHostRedis(t testing.TB, h hosts.Host, environ []string, options ...string) (*server, *goredis.Client) {
	t.Helper()
	s := newHostServer(t, h, "redis.sh")
	s.Environ = environ
	return s, s.startRedis(t, append([]string{"--clean"}, options...)...)
}

// startRedis starts a Redis server on port 6379 of its host, and returns a client for it.
func (s *server) startRedis(t testing.TB, options ...string) *goredis.Client {
	t.Helper()
	args := []string{"start", "--port", "6379", "--set", "bind 0.0.0.0", "--set", "protected-mode no"}
	_, err := s.Run(append(args, options...)...)
	require.NoError(t, err)
	return redisNode(t, s.host.Addr+":6379")
}

// redisNode returns a client with one connection.
func redisNode(t testing.TB, address string) *goredis.Client {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: address, PoolSize: 1, ConnMaxIdleTime: -1, DialTimeout: dialTimeout})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// singleRedis returns the configuration of the backend for one server.
func singleRedis(h hosts.Host) redis.Config {
	return hostRedis(redis.Config{URL: "redis://" + h.Addr + ":6379"})
}

// hostRedis sets what the configurations of all Redis backends have in common.
func hostRedis(c redis.Config) redis.Config {
	c.MaxLen, c.BufferMessages, c.BufferBytes = -1, bufferMessages, bufferBytes
	c.ReadTimeout, c.DialTimeout, c.DeliveryTimeout = readTimeout, dialTimeout, delivery
	return c
}

// redisTarget returns a target that writes to and reads from Redis. master returns the server that holds a stream after the fault.
func redisTarget(config redis.Config, master func(t testing.TB, topic string) *goredis.Client) hostTarget {
	return hostTarget{
		client:  "redis",
		allowed: func(b backend) int { return int(b.(*redis.Backend).PossibleDuplicates()) },
		open:    redisOpener(config),
		read: func(t testing.TB, topic string) []signalcast.UUID {
			t.Helper()
			return streamIDs(t, master(t, topic), topic)
		},
		source: func(t testing.TB, topic string) (consume.Source, func() error) {
			t.Helper()
			s, err := consumeredis.New(consumeredis.Config{Server: config, Group: "group", Topics: []string{topic}})
			require.NoError(t, err)
			return s, s.Close
		},
	}
}

// redisOpener returns a function that opens a backend.
func redisOpener(config redis.Config) func(testing.TB) backend {
	return func(t testing.TB) backend {
		t.Helper()
		b, err := redis.New(config)
		require.NoError(t, err)
		return b
	}
}

// only returns a function that always returns server.
func only(server *goredis.Client) func(testing.TB, string) *goredis.Client {
	return func(testing.TB, string) *goredis.Client { return server }
}
