package kafkatest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
)

// gate passes connections to a cluster while it is open.
type gate struct {
	mu     sync.Mutex
	closed bool
	losing int    // acknowledgements
	client string // whose requests are not accepted; empty means none
	// stalled blocks the reading of produce requests until it is closed. Nil blocks nothing.
	stalled chan struct{}
	conns   map[*gatedConn]struct{}
}

func (g *gate) listen(network, addr string) (net.Listener, error) {
	listener, err := net.Listen(network, addr) //nolint:noctx // the interface of kfake has none
	if err != nil {
		return nil, err //nolint:wrapcheck // passed on
	}
	return &gatedListener{listener, g}, nil
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for c := range g.conns {
		_ = c.Close()
	}
	clear(g.conns)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = false
}

func (g *gate) lose(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.losing = n
}

func (g *gate) cut(clientID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.client = clientID
}

func (g *gate) left() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.losing
}

// stall blocks the reading of produce requests after their first bytes, until resume is called.
func (g *gate) stall() (resume func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	stalled := make(chan struct{})
	g.stalled = stalled
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(stalled)
		g.stalled = nil
	})
}

func (g *gate) admits(c *gatedConn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

type gatedListener struct {
	net.Listener

	gate *gate
}

func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // passed on
		}
		c := &gatedConn{Conn: raw, gate: l.gate}
		if l.gate.admits(c) {
			return c, nil
		}
		_ = raw.Close()
	}
}

// gatedConn is the side of the cluster of a connection.
type gatedConn struct {
	net.Conn

	gate     *gate
	sizeRead bool // the next bytes are the beginning of a request
	doomed   bool // the next reply is lost
}

// Read relies on kfake reading the four bytes of the size of a request separately.
func (c *gatedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	const sizeBytes, keyBytes, produce = 4, 2, 0
	if c.sizeRead && c.isCut(b[:n]) {
		_ = c.Close()
		return 0, io.EOF
	}
	isProduce := c.sizeRead && n >= keyBytes && binary.BigEndian.Uint16(b) == produce
	c.sizeRead = n == sizeBytes && len(b) == sizeBytes
	if isProduce {
		c.gate.mu.Lock()
		stalled := c.gate.stalled
		if c.gate.losing > 0 {
			c.gate.losing--
			c.doomed = true
		}
		c.gate.mu.Unlock()
		if stalled != nil {
			<-stalled
		}
	}
	return n, err //nolint:wrapcheck // passed on
}

// isCut reports whether a request is of the client that was cut off.
func (c *gatedConn) isCut(request []byte) bool {
	c.gate.mu.Lock()
	client := c.gate.client
	c.gate.mu.Unlock()
	const lengthAt, nameAt = 8, 10 // behind key, version and correlation ID
	return client != "" && len(request) >= nameAt && int(binary.BigEndian.Uint16(request[lengthAt:])) == len(client) &&
		bytes.HasPrefix(request[nameAt:], []byte(client))
}

func (c *gatedConn) Write(b []byte) (int, error) {
	c.gate.mu.Lock()
	doomed := c.doomed
	c.gate.mu.Unlock()
	if doomed {
		_ = c.Close()
	}
	return c.Conn.Write(b) //nolint:wrapcheck // passed on
}
