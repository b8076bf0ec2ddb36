// Package rawconn finds the network connection behind a connection of a Redis client.
//
// The Redis backend sends the next transaction while the server executes one, on the same
// connection. The Redis source parses entries where they were received. The commands and
// pipelines of go-redis do neither, and go-redis does not expose the connection. So both dial for
// the client, and send a mark through the client: the connection that the mark passes is the one.
// See docs/decisions/0007.
package rawconn

import (
	"bytes"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
)

// Set is the set of open connections that a client dialed. It is safe for concurrent use.
type Set struct {
	last   atomic.Uint64
	marked sync.Map // mark → *conn

	mu     sync.Mutex
	open   map[*conn]struct{}
	closed bool
}

// New returns an empty set.
func New() *Set { return &Set{open: map[*conn]struct{}{}} }

// Add adds a connection that was dialed to addr and returns it for the client to use. After
// CloseAll the connection is closed at once.
func (s *Set) Add(addr string, dialed net.Conn) net.Conn {
	added := &conn{Conn: dialed, set: s, addr: addr}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = dialed.Close()
	} else {
		s.open[added] = struct{}{}
	}
	return added
}

// CloseAll closes all connections, and those that are added later.
func (s *Set) CloseAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for open := range s.open {
		_ = open.Conn.Close()
	}
	clear(s.open)
}

// CloseTo closes the connections to addr that are open now.
func (s *Set) CloseTo(addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for open := range s.open {
		if open.addr == addr {
			_ = open.Conn.Close()
			delete(s.open, open)
		}
	}
}

const markPrefix = "signalcast-link-"

// Find calls send with a mark, which send writes through the client as an argument of a command.
// It returns the dialed connection that the mark passed, or nil, and the error of send.
func (s *Set) Find(send func(mark string) error) (net.Conn, error) {
	mark := markPrefix + strconv.FormatUint(s.last.Add(1), 10)
	err := send(mark)
	found, _ := s.marked.LoadAndDelete(mark)
	if passed, ok := found.(*conn); ok {
		return passed.Conn, err
	}
	return nil, err
}

// conn is a connection of a Set.
type conn struct {
	net.Conn

	set  *Set
	addr string
}

// Write looks for a mark in the commands of the client, which are few and short.
func (c *conn) Write(b []byte) (int, error) {
	if at := bytes.Index(b, []byte(markPrefix)); at >= 0 {
		mark, _, _ := bytes.Cut(b[at:], []byte("\r\n"))
		c.set.marked.Store(string(mark), c)
	}
	return c.Conn.Write(b) //nolint:wrapcheck // between a client and its connection
}

// Close closes the connection, unless CloseAll has.
func (c *conn) Close() error {
	c.set.mu.Lock()
	_, open := c.set.open[c]
	delete(c.set.open, c)
	c.set.mu.Unlock()
	if !open {
		return nil
	}
	return c.Conn.Close() //nolint:wrapcheck // between a client and its connection
}
