package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/backends/redis/internal/rawconn"
)

// node is one server with a bounded pool of verified connections. Permits, idle connections and
// the pace of connecting belong to the node, so that a node that hangs does not slow down others.
type node struct {
	addr    string
	client  client
	conns   *rawconn.Set
	timeout time.Duration // of each wait for the server
	// durability is that of each batch.
	durability durability
	stalled    func() // called while a session waits for long; nil outside a cluster
	permits    chan struct{}
	// wanting is the number of streams that wait for a permit.
	wanting atomic.Int64
	// left is closed when the node is no longer a master of the cluster.
	left chan struct{}

	mu       sync.Mutex
	idle     []*session
	failures int       // failed attempts to connect, in a row
	next     time.Time // of the next attempt
	cause    error     // of the last failure
}

func newNode(c Config, addr string, client client, conns *rawconn.Set, stalled func()) *node {
	return &node{
		addr: addr, client: client, conns: conns, timeout: c.ReadTimeout, stalled: stalled,
		durability: durability{c.Replicas, c.Synced},
		permits:    make(chan struct{}, c.Pipelines), left: make(chan struct{}),
	}
}

var (
	// errBusy means that no connection became free before the delivery timeout: other streams
	// wait for a server that does not reply.
	errBusy = errors.New("all connections are in use")
	// errLeft means that the node is no longer a master of the cluster.
	errLeft = errors.New("the node is no longer a master of the cluster")
)

// get returns a working session. If all connections are in use, it waits for one until the
// deadline. If it returns an error, no entry was written.
func (n *node) get(ctx context.Context, deadline time.Time) (*session, error) {
	select {
	case n.permits <- struct{}{}:
	default:
		n.wanting.Add(1)
		defer n.wanting.Add(-1)
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		select {
		case n.permits <- struct{}{}:
		case <-n.left:
			return nil, errLeft
		case <-timer.C:
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.cause != nil {
				return nil, fmt.Errorf("%w: %w", errBusy, n.cause)
			}
			return nil, errBusy
		case <-ctx.Done():
			return nil, ctx.Err() //nolint:wrapcheck // the caller's own error
		}
	}
	s, err := n.open(ctx, deadline)
	if err != nil {
		<-n.permits
		return nil, err
	}
	s.progress()
	return s, nil
}

// open returns an idle session, or a new one.
func (n *node) open(ctx context.Context, deadline time.Time) (*session, error) {
	if s := n.takeIdle(); s != nil {
		if time.Since(s.usedAt) < trusted {
			return s, nil
		}
		if err := s.check(ctx, n); err == nil {
			return s, nil
		}
		s.close() // the server may have closed it while idle
	}
	if err := n.pause(ctx, deadline); err != nil {
		return nil, err
	}
	s := newSession(n)
	err := s.check(ctx, n)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		s.close()
		if n.cause = err; heals(err) {
			n.failures++
			n.next = time.Now().Add(backendkit.Backoff(n.failures))
		}
		return nil, err
	}
	n.failures, n.cause = 0, nil
	return s, nil
}

// failing reports whether connecting failed a moment ago.
func (n *node) failing() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.failures > 0 && time.Since(n.next) < time.Second
}

// pause waits until the node may be connected to. While it fails, the holders of permits try at
// the same time and the other streams wait, so that the number of attempts does not grow with
// the number of streams.
func (n *node) pause(ctx context.Context, deadline time.Time) error {
	n.mu.Lock()
	next := n.next
	n.mu.Unlock()
	wait := min(time.Until(next), time.Until(deadline))
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-n.left:
		return errLeft
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller's own error
	}
}

// takeIdle removes the session that was used last from the pool and returns it, or nil.
func (n *node) takeIdle() *session {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := len(n.idle) - 1
	if last < 0 {
		return nil
	}
	s := n.idle[last]
	n.idle = n.idle[:last]
	return s
}

// put returns a working session to the pool.
func (n *node) put(s *session) {
	s.rest()
	n.mu.Lock()
	select {
	case <-n.left:
		s.close()
	default:
		n.idle = append(n.idle, s)
	}
	n.mu.Unlock()
	<-n.permits
}

// retire closes a session whose server failed or rejected a command.
func (n *node) retire(s *session) {
	s.close()
	<-n.permits
}

// leave ends the use of the node. A session in use ends with its batch. If the server does not
// reply to it within stallTime, its connection is closed, and the batch is written again to
// another node.
func (n *node) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.left)
	for _, s := range n.idle {
		s.close()
	}
	n.idle = nil
	time.AfterFunc(stallTime, func() { n.conns.CloseTo(n.addr) })
}
