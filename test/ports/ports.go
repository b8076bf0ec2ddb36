// Package ports finds TCP ports for the servers of tests.
package ports

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Pair returns a port of 127.0.0.1 that is free, and whose successor is free too. Both are
// below the ports that the system gives to outgoing connections, so that a server finds
// them free again when it is restarted.
func Pair(t testing.TB) int {
	t.Helper()
	for {
		port := 20_000 + 2*rand.N(6_000) //nolint:gosec // not a secret
		if free(port) && free(port+1) {
			return port
		}
	}
}

func free(port int) bool {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
