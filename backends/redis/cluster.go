package redis

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast"
)

// cluster knows which node of a Redis Cluster serves each stream. It asks for a new view whenever
// a node fails, is silent for stallTime, or redirects. See docs/decisions/0010.
type cluster struct {
	newClient func(addr string) client
	newNode   func(addr string, client client) *node
	timeout   time.Duration // of each wait for a reply

	current atomic.Pointer[view]
	wake    chan struct{} // holds a token while a view is asked for

	mu      sync.Mutex
	members map[string]*member // by address: the seeds, and the nodes of the view
	asked   chan struct{}      // closed when the next view is there, or cannot be had
	failure error              // why there is no view yet
	closed  bool
	asks    sync.WaitGroup
}

// member is a server that is asked for the view.
type member struct {
	client client
	seed   bool
	asking bool  // a reply is outstanding
	node   *node // nil unless the member is a master of the view
}

// view says which node serves each slot. It is immutable.
type view struct {
	slots [slots]*node // nil without a master
}

// slots is the number of hash slots of a Redis Cluster.
const slots = 16384

// viewPause is the shortest time between two questions.
const viewPause = 100 * time.Millisecond

func newCluster(seeds []string, newClient func(addr string) client, newNode func(addr string, client client) *node,
	timeout time.Duration,
) *cluster {
	c := &cluster{
		newClient: newClient, newNode: newNode, timeout: timeout,
		wake: make(chan struct{}, 1), members: map[string]*member{}, failure: errNoView,
	}
	for _, addr := range seeds {
		c.members[addr] = &member{client: newClient(addr), seed: true}
	}
	return c
}

var errNoMaster = errors.New("the cluster has no master for the slot of the stream")

// master returns the node that serves the stream. It waits for the first view.
func (c *cluster) master(ctx context.Context, stream string, deadline time.Time) (*node, error) {
	v := c.current.Load()
	if v == nil {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		select {
		case <-c.ask():
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err() //nolint:wrapcheck // the caller's own error
		}
		if v = c.current.Load(); v == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			return nil, c.failure
		}
	}
	if n := v.slots[slotOf(stream)]; n != nil {
		return n, nil
	}
	c.ask()
	return nil, errNoMaster
}

// at returns the master at an address of the view, or nil.
func (c *cluster) at(addr string) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.members[addr]; m != nil {
		return m.node
	}
	return nil
}

// ask requests a new view. The channel is closed when there is one, or when it could not be had.
func (c *cluster) ask() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		c.asked = make(chan struct{})
		if c.closed {
			close(c.asked)
		}
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return c.asked
}

// run gets the views that are asked for until ctx ends.
func (c *cluster) run(ctx context.Context) {
	defer func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		c.answer(c.waiting(), signalcast.ErrClosed)
	}()
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
		asked := c.waiting()
		ranges, err := c.query(ctx)
		if err == nil {
			c.apply(ranges)
		}
		c.answer(asked, err)
		pause := time.NewTimer(viewPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
		if c.failing() {
			c.ask()
		}
	}
}

// failing reports whether connecting to a master failed a moment ago. Its replica may take over
// at any time.
func (c *cluster) failing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		if m.node != nil && m.node.failing() {
			return true
		}
	}
	return false
}

// waiting returns the channel of those who asked for a view so far, or nil.
func (c *cluster) waiting() chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := c.asked
	c.asked = nil
	return asked
}

// answer tells those who asked that there is a new view, or the error.
func (c *cluster) answer(asked chan struct{}, err error) {
	c.mu.Lock()
	c.failure = err
	c.mu.Unlock()
	if asked != nil {
		close(asked)
	}
}

// reply is what one member says.
type reply struct {
	ranges []redis.ClusterSlot
	err    error
}

// query asks all members at the same time and returns the first good reply. A member that is
// silent does not delay the others, and is not asked again until it replies or its connection
// fails.
func (c *cluster) query(ctx context.Context) ([]redis.ClusterSlot, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.mu.Lock()
	replies := make(chan reply, len(c.members))
	open := 0
	for addr, m := range c.members {
		if m.asking || c.closed {
			continue
		}
		m.asking = true
		open++
		c.asks.Go(func() {
			ranges, err := slotsOf(ctx, addr, m.client)
			c.mu.Lock()
			m.asking = false
			c.mu.Unlock()
			replies <- reply{ranges, err}
		})
	}
	c.mu.Unlock()
	err := errNoView
	for range open {
		select {
		case r := <-replies:
			if r.err == nil {
				return r.ranges, nil
			}
			err = r.err
		case <-ctx.Done():
			return nil, errNoView
		}
	}
	return nil, err
}

var (
	errNoView  = errors.New("no node of the cluster replied")
	errNoSlots = errors.New("the node serves no cluster")
)

// slotsOf asks one member. Addresses that are relative to the member become absolute.
func slotsOf(ctx context.Context, addr string, client client) ([]redis.ClusterSlot, error) {
	var ranges []redis.ClusterSlot
	err := guarded(func() (err error) {
		ranges, err = client.ClusterSlots(ctx).Result() // CLUSTER SHARDS needs Redis 7
		return err                                      //nolint:wrapcheck // wrapped where it is reported
	})
	if err == nil && len(ranges) == 0 {
		err = errNoSlots
	}
	for i := range ranges {
		for j := range ranges[i].Nodes {
			ranges[i].Nodes[j].Addr = absolute(ranges[i].Nodes[j].Addr, addr)
		}
	}
	return ranges, err
}

// absolute returns the address of a node that the server at origin named. A server that does not
// know its own host leaves it out. One behind a mapping of addresses names a loopback host, and
// one that only has a TLS port may name port 0.
func absolute(addr, origin string) string {
	host, port, err := net.SplitHostPort(addr)
	originHost, originPort, _ := net.SplitHostPort(origin)
	if err != nil {
		return addr
	}
	if host == "" || host == "?" || isLoopback(host) && !isLoopback(originHost) {
		host = originHost
	}
	if port == "0" {
		port = originPort
	}
	return net.JoinHostPort(host, port)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// apply replaces the view. Masters that the new one does not have are left.
func (c *cluster) apply(ranges []redis.ClusterSlot) {
	v := &view{}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	masters, known := map[string]bool{}, map[string]bool{}
	for _, r := range ranges {
		for i, n := range r.Nodes {
			known[n.Addr] = true
			m := c.members[n.Addr]
			if m == nil {
				m = &member{client: c.newClient(n.Addr)}
				c.members[n.Addr] = m
			}
			if i > 0 {
				continue
			}
			masters[n.Addr] = true
			if m.node == nil {
				m.node = c.newNode(n.Addr, m.client)
			}
			for slot := max(0, r.Start); slot <= min(r.End, slots-1); slot++ {
				v.slots[slot] = m.node
			}
		}
	}
	c.current.Store(v)
	for addr, m := range c.members {
		if m.node != nil && !masters[addr] {
			m.node.leave()
			m.node = nil
		}
		if !known[addr] && !m.seed && !m.asking {
			delete(c.members, addr)
			time.AfterFunc(2*stallTime, func() { _ = m.client.Close() }) // after its sessions
		}
	}
}

// close closes the clients and waits for the replies of members. The connections must be closed.
func (c *cluster) close() error {
	c.mu.Lock()
	c.closed = true
	var faults []error
	for _, m := range c.members {
		faults = append(faults, m.client.Close())
	}
	c.mu.Unlock()
	c.asks.Wait()
	return errors.Join(faults...)
}
