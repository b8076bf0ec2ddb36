package kafkabus

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"

	"github.com/signalcast/signalcast"
)

// Wire watches a client's connections to the brokers, to tell what was certainly
// not written from what may have been: the clients do not say it.
type Wire struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)

	began atomic.Int64

	mu   sync.Mutex
	shut bool
	// trouble is why the last connection could not be made, or nil if it was.
	trouble error
	conns   map[*conn]struct{}
}

// NewWire returns a wire whose connections are made as c says.
func NewWire(c Config) *Wire {
	return &Wire{dial: dialer(c, c.TLS), conns: map[*conn]struct{}{}}
}

// Began counts the produce requests whose writing has begun.
func (w *Wire) Began() int64 { return w.began.Load() }

// Shut makes the wire reject produce requests. A later Began has counted every
// such request of which anything is written.
func (w *Wire) Shut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shut = true
}

// IsShut reports whether Shut was called.
func (w *Wire) IsShut() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shut
}

// Trouble returns why the last attempt to connect before Shut failed, or nil if
// it did not.
func (w *Wire) Trouble() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.trouble
}

// Close closes all connections.
func (w *Wire) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Conn.Close()
	}
}

// Dial connects to a broker, TLS included.
func (w *Wire) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := w.dial(ctx, network, addr)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		err = &DialError{err}
	}
	if !w.shut {
		w.trouble = err
	}
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, wire: w}
	w.conns[c] = struct{}{}
	return c, nil
}

// DialError reports that no connection was made.
type DialError struct{ error }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.error }

// conn is a connection to a broker.
type conn struct {
	net.Conn

	wire *Wire
}

// Write writes the beginning of a request or, where the client splits large
// ones, more of it, which may be taken for a beginning.
func (c *conn) Write(b []byte) (int, error) {
	const sizePrefix, keyBytes, produce = 4, 2, 0
	if len(b) >= sizePrefix+keyBytes && binary.BigEndian.Uint16(b[sizePrefix:]) == produce {
		if err := c.wire.begin(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b) //nolint:wrapcheck // the client looks at it
}

func (w *Wire) begin() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.shut {
		return signalcast.ErrClosed
	}
	w.began.Add(1)
	return nil
}

func (c *conn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close() //nolint:wrapcheck // the client looks at it
}
