//go:build integration

package faults_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/internal/kafkatest"
	"github.com/signalcast/signalcast/test/hosts"
)

// startHostRedisAccess starts a Redis server whose user changes while events are sent.
func startHostRedisAccess(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	h := n.Add(t, "access")
	startServerOn(t, &h, "redis.sh", "hosts-"+h.Name, "--port", "6379", "--set", "bind 0.0.0.0", "--set", "protected-mode no")
	admin := redisNode(t, h.Addr+":6379")
	var password atomic.Value
	password.Store("first")
	require.NoError(t, setUser(admin, "on", ">first", "~*", "&*", "+@all"))
	config := redis.Config{
		URL: "redis://" + h.Addr + ":6379", MaxLen: -1, BufferMessages: bufferMessages, BufferBytes: bufferBytes,
		ReadTimeout: readTimeout, DialTimeout: dialTimeout, DeliveryTimeout: delivery,
		Credentials: func(context.Context) (string, string, error) { return "app", password.Load().(string), nil },
	}
	target := diskTarget(h, admin)
	target.source = nil
	target.open = func(t testing.TB) backend {
		t.Helper()
		b, err := redis.New(config)
		require.NoError(t, err)
		return b
	}
	rotate := func(string) error {
		for i := range 4 {
			old, next := password.Load().(string), fmt.Sprint("password-", i)
			if err := setUser(admin, ">"+next); err != nil {
				return err
			}
			password.Store(next)
			err := errors.Join(setUser(admin, "<"+old), admin.Do(context.Background(), "CLIENT", "KILL", "USER", "app").Err())
			if err != nil {
				return err
			}
			<-time.After(time.Second)
		}
		return nil
	}
	return []hostTarget{target}, []hostScenario{{
		name: "rotation", fault: "password changed 4 times in 4 s with `Config.Credentials`, connections closed each time", load: 8 * time.Second,
		inject: rotate,
	}, {
		name: "denied", fault: "the right to `XADD` withdrawn for 2 s", load: 8 * time.Second, denies: true,
		inject: func(string) error {
			return during(2*time.Second, func() error { return setUser(admin, "-xadd") }, func() error { return setUser(admin, "+xadd") })
		},
	}}
}

// setUser changes the user of the backend.
func setUser(admin *goredis.Client, rules ...string) error {
	args := []any{"ACL", "SETUSER", "app"}
	for _, rule := range rules {
		args = append(args, rule)
	}
	return admin.Do(context.Background(), args...).Err()
}

// startHostKafkaAccess starts a broker on the client's host, which ends sessions that do not authenticate again every three seconds.
func startHostKafkaAccess(t *testing.T, _ *hosts.Network) (targets []hostTarget, scenarios []hostScenario) {
	t.Helper()
	s := startServer(t, "kafka.sh", "hosts-secure", "--secure", "--set", "connections.max.reauth.ms=3000", "--set", "num.partitions=3")
	plain := s.env(t, "KAFKA_BROKERS")
	authority, err := os.ReadFile(filepath.Join(s.env(t, "KAFKA_CERTS"), "ca.pem"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))
	config := kafkaconfig.Config{
		Brokers: []string{s.env(t, "KAFKA_SASL_BROKERS")}, SchemaRegistry: kafkatest.NewRegistry(t).URL,
		TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, SASLMechanism: kafkaconfig.ScramSHA256,
		SASLUsername: "scram-sha-256", SASLPassword: s.env(t, "KAFKA_PASSWORD"),
		BufferMessages: bufferMessages, BufferBytes: bufferBytes,
		RequestTimeout: readTimeout, DialTimeout: dialTimeout, DeliveryTimeout: delivery,
	}
	for _, client := range []struct {
		name string
		open func(testing.TB, kafkaconfig.Config) backend
	}{{"franz-go", openFranz}, {"kafka-go", openKafka}} {
		targets = append(targets, hostTarget{
			client: client.name, allowed: func(backend) int { return 0 },
			open: func(t testing.TB) backend {
				t.Helper()
				return client.open(t, config)
			},
			read: func(t testing.TB, topic string) (ids []signalcast.UUID) {
				t.Helper()
				return kafkaIDs(t, topic, []string{plain})
			},
		})
	}
	return targets, []hostScenario{{
		name: "reauthentication", fault: "SASL sessions over TLS that end after 3 s unless they authenticate again", load: 16 * time.Second,
		before: func(topic string) error {
			admin, err := kgo.NewClient(kgo.SeedBrokers(plain), kgo.DisableClientMetrics())
			if err != nil {
				return err
			}
			defer admin.Close()
			return (&hostKafka{admin: admin}).create(topic, []int32{1}, []int32{1}, []int32{1})
		},
		inject: func(string) error {
			return during(10*time.Second, func() error { return nil }, func() error { return nil })
		},
	}}
}
