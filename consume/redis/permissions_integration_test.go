//go:build integration

package redis_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
)

// A user needs only the commands that docs/consuming.md lists.
//
//nolint:paralleltest // see newServerBus
func TestDocumentedPermissionsAreEnough(t *testing.T) {
	b := newServerBus(t)
	page, err := os.ReadFile("../../docs/consuming.md")
	require.NoError(t, err)
	rule := []any{"ACL", "SETUSER", "consumer", "reset", "on", ">secret", "~*"}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 && strings.HasPrefix(strings.TrimSpace(cells[1]), "`+") {
			for command := range strings.FieldsSeq(strings.ReplaceAll(cells[1], "`", "")) {
				rule = append(rule, command)
			}
		}
	}
	require.NoError(t, b.Do(t.Context(), rule...).Err(), "%v", rule)
	t.Cleanup(func() { b.Do(t.Context(), "ACL", "DELUSER", "consumer") })
	source, err := redis.New(redis.Config{
		Server: redisbus.Config{URL: b.url, Username: "consumer", Password: "secret"},
		Group:  "group", Topics: []string{stream}, Lease: 400 * time.Millisecond,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = source.Close() })
	b.send(t, 4, 1, 10)
	a := newAccount()
	m := run(t, source, a.receive, consume.Config{})
	a.require(t, 4, 10)
	require.Eventually(t, func() bool { return m.Status().Feeds[0].Lag == 0 }, patience, 5*time.Millisecond)
	require.Empty(t, m.Status().Troubles)
	m.stop(t)
	exists, err := b.Exists(t.Context(), "signalcast-lease:{"+stream+"}:group").Result()
	require.NoError(t, err)
	require.Zero(t, exists, "the lease is released")
}
