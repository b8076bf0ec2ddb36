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

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/hosts"
)

// smallDisk is a file system of a few MiB in memory.
type smallDisk struct{ dir string }

// newSmallDisk mounts a new disk of size MiB on a folder until the end of the test. Before it unmounts the disk, it calls stop, which
// stops the server that uses the disk. Other processes do not see the disk, because the test has a mount namespace of its own.
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

// startHostDisk starts a Redis server for each of two settings of appendfsync. Its append-only file is on a small disk.
func startHostDisk(t *testing.T, n *hosts.Network) (targets []hostTarget, scenarios []hostScenario) {
	t.Helper()
	for _, fsync := range []string{"everysec", "always"} {
		h := n.Add(t, fsync)
		s := newHostServer(t, h, "redis.sh")
		disk := newSmallDisk(t, s.Dir, 32, func() { _, _ = s.Run("stop") })
		client := s.startRedis(t, "--fsync", fsync, "--set", "auto-aof-rewrite-percentage 0")
		target := redisTarget(singleRedis(h), only(client))
		fault, end := "disk full for 6 s, `appendfsync "+fsync+"`", disk.free
		if fsync == "always" { // Redis exits if it cannot write
			fault += ", so that Redis exits; then Redis restarted"
			end = func() error { return errors.Join(disk.free(), s.restart()) }
		}
		targets = []hostTarget{target} // one is enough, because each scenario replaces its servers
		scenarios = append(scenarios, hostScenario{
			name: fsync, fault: fault, load: 14 * time.Second, open: target.open, read: target.read, source: target.source,
			inject: func(string) error { return during(6*time.Second, disk.fill, end) },
		})
	}
	return targets, scenarios
}
