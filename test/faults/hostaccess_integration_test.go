//go:build integration

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/hosts"
)

// startHostRedisAccess starts a Redis server. The password and the rights of its user change while events are sent.
func startHostRedisAccess(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	h := n.Add(t, "access")
	_, admin := startHostRedis(t, h, nil)
	var password atomic.Value
	password.Store("first")
	require.NoError(t, setUser(admin, "on", ">first", "~*", "&*", "+@all"))
	config := singleRedis(h)
	config.Credentials = func(context.Context) (string, string, error) { return "app", password.Load().(string), nil }
	target := redisTarget(config, only(admin))
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

// setUser applies ACL rules to the user of the backend.
func setUser(admin *goredis.Client, rules ...string) error {
	args := []any{"ACL", "SETUSER", "app"}
	for _, rule := range rules {
		args = append(args, rule)
	}
	return admin.Do(context.Background(), args...).Err()
}
