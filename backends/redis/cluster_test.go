package redis_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

// fakeCluster is a cluster of two fakes.
type fakeCluster struct {
	a, b *fake

	mu      sync.Mutex
	masters []string // host:port, each with the same share of the slots
}

// startFakeCluster starts a cluster whose only master is b. atA and atB inject faults into
// commands other than CLUSTER. They may be nil.
func startFakeCluster(t *testing.T, atA, atB func(command []string) fault) *fakeCluster {
	t.Helper()
	c := &fakeCluster{}
	with := func(misbehave func([]string) fault) func([]string) fault {
		return func(command []string) fault {
			switch {
			case command[0] == "cluster":
				return fault{reply: c.slots()}
			case misbehave != nil:
				return misbehave(command)
			default:
				return fault{}
			}
		}
	}
	c.a = startFake(t, &fake{misbehave: with(atA)})
	c.b = startFake(t, &fake{misbehave: with(atB)})
	c.promote(c.b.listener.Addr().String())
	return c
}

// promote makes the servers at the given addresses the masters.
func (c *fakeCluster) promote(masters ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.masters = masters
}

// slots returns the reply to CLUSTER SLOTS.
func (c *fakeCluster) slots() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var reply strings.Builder
	fmt.Fprintf(&reply, "*%d\r\n", len(c.masters))
	for i, addr := range c.masters {
		host, port, _ := net.SplitHostPort(addr)
		first, next := 16384*i/len(c.masters), 16384*(i+1)/len(c.masters)
		fmt.Fprintf(&reply, "*3\r\n:%d\r\n:%d\r\n*3\r\n$%d\r\n%s\r\n:%s\r\n$2\r\nid\r\n", first, next-1, len(host), host, port)
	}
	return reply.String()
}

func (c *fakeCluster) backend(t *testing.T) *redis.Backend {
	t.Helper()
	return newBackend(t, redis.Config{Addrs: []string{c.a.listener.Addr().String()}, ReadTimeout: time.Hour})
}

func TestMessagesGoToTheMasterOfTheirSlot(t *testing.T) {
	t.Parallel()
	c := startFakeCluster(t, nil, nil)
	b := c.backend(t)
	f := newFates()
	f.publish(t, b, "s", 1, 100)
	flush(t, b)
	f.requireDelivered(t, 100)
	require.Len(t, c.b.values("s"), 100)
}

func TestNodeThatDoesNotKnowItsHostIsReached(t *testing.T) {
	t.Parallel()
	c := startFakeCluster(t, nil, nil)
	_, port, _ := net.SplitHostPort(c.a.listener.Addr().String())
	c.promote(":" + port)
	b := c.backend(t)
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)
	require.Len(t, c.a.values("s"), 1)
}

func TestMasterThatHangsIsReplaced(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{"while it writes": "XADD", "while a connection is made": "COMMAND"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startFakeCluster(t, nil, during(command, 1, 1e9, fault{hang: true}))
			b := c.backend(t)
			f := newFates()
			f.publish(t, b, "s", 1, 1)
			require.Eventually(t, func() bool { return c.b.asked(command) == 1 }, patience, time.Millisecond)
			f.publish(t, b, "s", 2, 100)
			c.promote(c.a.listener.Addr().String())
			flush(t, b)
			f.requireDelivered(t, 100)
			require.Zero(t, requireOrdered(t, c.a.values("s"), 100))
		})
	}
}

func TestAskIsFollowedToTheTarget(t *testing.T) {
	t.Parallel()
	var source, target string
	var mu sync.Mutex // commands of two connections may overlap
	asked, transaction := false, false
	c := startFakeCluster(t,
		func(command []string) fault { // the target, which writes only after ASKING
			mu.Lock()
			defer mu.Unlock()
			switch command[0] {
			case "ASKING":
				asked = true
				return fault{reply: "+OK\r\n"}
			case "MULTI":
				transaction = asked
			case "EXEC":
				transaction = false
			case "XADD":
				if !asked && !transaction {
					return fault{reply: "-MOVED 12182 " + source + "\r\n"}
				}
			}
			asked = false
			return fault{}
		},
		func(command []string) fault {
			if command[0] == "XADD" {
				return fault{reply: "-ASK 12182 " + target + "\r\n"}
			}
			return fault{}
		})
	target, source = c.a.listener.Addr().String(), c.b.listener.Addr().String()
	c.promote(target, source)
	b := c.backend(t)
	f := newFates()
	f.publish(t, b, "foo", 1, 1) // "foo" is in slot 12182
	flush(t, b)
	f.publish(t, b, "foo", 2, 100)
	flush(t, b)
	f.requireDelivered(t, 100)
	require.Zero(t, requireOrdered(t, c.a.values("foo"), 100))
	require.Empty(t, c.b.values("foo"))
	require.Zero(t, b.PossibleDuplicates())
}

func TestConnectingDoesNotGrowWithTheNumberOfStreams(t *testing.T) {
	t.Parallel()
	const streams = 1000
	listener := listen(t)
	var attempts atomic.Int64
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			attempts.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-accepting
	})
	b := newBackend(t, redis.Config{URL: "redis://" + listener.Addr().String(), DeliveryTimeout: 3 * time.Second})
	f := newFates()
	for i := range streams {
		f.publish(t, b, fmt.Sprint("s", i), i+1, i+1)
	}
	flush(t, b)
	failure := f.failure(t)
	require.ErrorIs(t, failure, signalcast.ErrDeliveryTimeout)
	require.Equal(t, signalcast.FateNotWritten, failure.Fate)
	require.Less(t, attempts.Load(), int64(streams/2), "each stream would make several attempts of its own")
	require.True(t, strings.Contains(failure.Error(), "EOF") || strings.Contains(failure.Error(), "reset"), failure)
}

func TestClusterThatCannotBeReachedIsTheCause(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	addr := listener.Addr().String()
	require.NoError(t, listener.Close())
	b := newBackend(t, redis.Config{Addrs: []string{addr}, DeliveryTimeout: time.Second})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)
	failure := f.failure(t)
	require.ErrorIs(t, failure, signalcast.ErrDeliveryTimeout)
	require.ErrorContains(t, failure, "connection refused")
}
