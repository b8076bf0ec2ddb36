//go:build integration

package redis_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

func TestDocumentedPermissionsAreEnough(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	trim := func(redis.Trim) {}
	tests := map[string]struct {
		user     string
		commands []any
		db       int
		onTrim   func(redis.Trim)
	}{
		"XADD, MULTI and EXEC are enough":            {user: "user1", commands: []any{"+xadd", "+multi", "+exec"}},
		"XADD alone works":                           {user: "user2", commands: []any{"+xadd"}},
		"another database needs SELECT":              {user: "user3", commands: []any{"+xadd", "+multi", "+exec", "+select"}, db: 3},
		"a hook without the right to look is silent": {user: "user4", commands: []any{"+xadd", "+multi", "+exec"}, onTrim: trim},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			setUser := append([]any{"ACL", "SETUSER", test.user, "on", ">secret", "~*"}, test.commands...)
			require.NoError(t, s.client.Do(ctx, setUser...).Err())
			b := newBackend(t, redis.Config{
				URL: s.url, Username: test.user, Password: "secret", DB: test.db, OnTrim: test.onTrim,
			})
			require.NoError(t, b.Prepare(ctx, []signalcast.Route{{EventType: "e", Topic: name}}))
			f := newFates()
			f.publish(t, b, name, 1, 2000)
			flush(t, b)
			f.requireDelivered(t, 2000)
			require.Zero(t, b.PossibleDuplicates())
		})
	}
}
