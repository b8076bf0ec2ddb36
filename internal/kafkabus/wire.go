package kafkabus

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"

	"github.com/signalcast/signalcast"
)

// Wire dials the connections of a client to the brokers and counts the produce requests on
// them. The count shows whether a failed record was certainly not written, which the client
// does not report.
type Wire struct {
	dial func(ctx context.Context, network, addr string) (net.Conn, error)

	requests atomic.Int64

	mu      sync.Mutex
	stopped bool
	dialErr error // of the last attempt to connect before Stop, or nil
	conns   map[*conn]struct{}
}

// NewWire returns a wire that connects as c configures.
func NewWire(c Config) *Wire {
	return &Wire{dial: dialer(c, c.TLS), conns: map[*conn]struct{}{}}
}

// Requests returns the number of produce requests that the client has begun to write.
func (w *Wire) Requests() int64 { return w.requests.Load() }

// Stop makes the wire reject produce requests. Requests is final afterwards.
func (w *Wire) Stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
}

// Stopped reports whether Stop was called.
func (w *Wire) Stopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped
}

// DialErr returns the error of the last attempt to connect before Stop, or nil.
func (w *Wire) DialErr() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dialErr
}

// Close closes all connections.
func (w *Wire) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Conn.Close()
	}
}

// Dial connects to a broker, over TLS if configured.
func (w *Wire) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := w.dial(ctx, network, addr)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		err = &DialError{err}
	}
	if !w.stopped {
		w.dialErr = err
	}
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, wire: w}
	w.conns[c] = struct{}{}
	return c, nil
}

// DialError reports that connecting failed.
type DialError struct{ error }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.error }

// conn is a connection to a broker.
type conn struct {
	net.Conn

	wire *Wire
}

// Write counts a produce request if b begins with one. A client may split a large request
// into several writes. A later part that looks like the beginning of a request is counted too,
// which makes a fate unknown, never wrong.
func (c *conn) Write(b []byte) (int, error) {
	const sizePrefix, keyBytes, produce = 4, 2, 0
	if len(b) >= sizePrefix+keyBytes && binary.BigEndian.Uint16(b[sizePrefix:]) == produce {
		if err := c.wire.count(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b) //nolint:wrapcheck // the client inspects the error
}

func (w *Wire) count() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return signalcast.ErrClosed
	}
	w.requests.Add(1)
	return nil
}

func (c *conn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close() //nolint:wrapcheck // the client inspects the error
}
