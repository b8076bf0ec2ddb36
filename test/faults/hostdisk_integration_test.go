//go:build integration

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	consumeredis "github.com/signalcast/signalcast/consume/redis"
	"github.com/signalcast/signalcast/test/hosts"
)

// smallDisk is a file system of a few MiB in memory.
type smallDisk struct{ dir string }

// newSmallDisk mounts a new disk of so many MiB on a folder, until the end of the test. The disk is part of the mount namespace of the
// test, so it ends with it. stop stops what uses it.
func newSmallDisk(t *testing.T, dir string, size int, stop func()) smallDisk {
	t.Helper()
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", size), "none", dir).Run())
	t.Cleanup(func() {
		stop()
		_ = exec.CommandContext(context.WithoutCancel(t.Context()), "umount", dir).Run()
	})
	return smallDisk{dir}
}

// startOnSmallDisk starts a Redis server whose append-only file is on a disk of its own.
func startOnSmallDisk(t *testing.T, h hosts.Host, fsync string) (*server, smallDisk) {
	t.Helper()
	s := newServerOn(t, &h, "redis.sh", "hosts-"+h.Name)
	disk := newSmallDisk(t, s.Dir, 32, func() { _, _ = s.Run("stop") })
	_, err := s.Run("start", "--port", "6379", "--fsync", fsync, "--set", "bind 0.0.0.0", "--set", "protected-mode no",
		"--set", "auto-aof-rewrite-percentage 0")
	require.NoError(t, err)
	return s, disk
}

// fill uses all space of the disk.
func (d smallDisk) fill() error {
	f, err := os.Create(filepath.Join(d.dir, "filler"))
	if err != nil {
		return err
	}
	for block := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(block)
	}
	return f.Close()
}

// free ends fill.
func (d smallDisk) free() error { return os.Remove(filepath.Join(d.dir, "filler")) }

// startHostDisk starts a Redis server with each setting of appendfsync.
func startHostDisk(t *testing.T, n *hosts.Network) (targets []hostTarget, scenarios []hostScenario) {
	t.Helper()
	for _, fsync := range []string{"everysec", "always"} {
		h := n.Add(t, fsync)
		s, disk := startOnSmallDisk(t, h, fsync)
		client := redisNode(t, h.Addr+":6379")
		target := redisTarget(singleRedis(h), only(client))
		fault, end := "disk full for 6 s, `appendfsync "+fsync+"`", disk.free
		if fsync == "always" { // Redis ends if it cannot write
			fault = "disk full for 6 s, so that Redis with `appendfsync always` ends, and restarted"
			end = func() error { return errors.Join(disk.free(), s.restart()) }
		}
		targets = []hostTarget{target} // scenarios replace its servers
		scenarios = append(scenarios, hostScenario{
			name: fsync, fault: fault, load: 14 * time.Second, open: target.open, read: target.read, source: target.source,
			inject: func(string) error { return during(6*time.Second, disk.fill, end) },
		})
	}
	return targets, scenarios
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

// redisTarget returns a backend and a consumer. master returns the server that has a topic at the end.
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

// only returns a function that always returns one server.
func only(server *goredis.Client) func(testing.TB, string) *goredis.Client {
	return func(testing.TB, string) *goredis.Client { return server }
}
