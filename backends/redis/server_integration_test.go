//go:build integration

package redis_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/ports"
)

// server is a real redis-server of one test.
type server struct {
	dir, addr   string
	url, tlsURL string
	client      *goredis.Client // of the test itself
}

// startServer starts a server with the options of test/servers/redis.sh.
func startServer(t testing.TB, options ...string) *server {
	t.Helper()
	dir := t.TempDir()
	port := ports.Pair(t)
	s := &server{dir: dir, addr: "127.0.0.1:" + strconv.Itoa(port)}
	s.url = "redis://" + s.addr
	s.tlsURL = "rediss://127.0.0.1:" + strconv.Itoa(port+1)
	s.run(t, append([]string{"start", "--port", strconv.Itoa(port)}, options...)...)
	t.Cleanup(func() {
		_ = s.command("kill9").Run()
	})
	password := ""
	if i := slices.Index(options, "--pass"); i >= 0 {
		password = options[i+1]
	}
	s.client = goredis.NewClient(&goredis.Options{Addr: s.addr, Password: password})
	t.Cleanup(func() { _ = s.client.Close() })
	return s
}

func (s *server) run(t testing.TB, args ...string) {
	t.Helper()
	out, err := s.command(args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func (s *server) command(args ...string) *exec.Cmd {
	script := filepath.Join("..", "..", "test", "servers", "redis.sh")
	return exec.CommandContext(context.Background(), "bash", append([]string{script, "--dir", s.dir}, args...)...)
}

// signal sends the server process a signal.
func (s *server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	require.NoError(t, err)
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, sig))
}

// values returns the event data of the stream's entries.
func (s *server) values(t testing.TB, stream string) []string {
	t.Helper()
	entries, err := s.client.XRange(context.Background(), stream, "-", "+").Result()
	require.NoError(t, err)
	values := make([]string, len(entries))
	for i, e := range entries {
		values[i] = fmt.Sprint(e.Values["event_data"])
	}
	return values
}
