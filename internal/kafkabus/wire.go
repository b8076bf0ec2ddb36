package kafkabus

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
)

// Wire dials the connections of a client to the brokers and counts the produce requests on
// them. The count shows whether a failed record was certainly not written, which the client
// does not report.
type Wire struct {
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	seeds []string // the configured addresses

	requests atomic.Int64

	mu      sync.Mutex
	stopped bool
	dialErr error               // of the last attempt to connect before Stop, or nil
	failed  map[string]error    // of the last attempt to connect to each address before Stop, without successes
	replied map[string]bool     // addresses of which a broker has replied
	silent  map[string]struct{} // advertised addresses that accept connections and have not replied yet
	conns   map[*conn]struct{}
}

// NewWire returns a wire that connects as c configures.
func NewWire(c Config) *Wire {
	return &Wire{dial: dialer(c, c.TLS), seeds: c.Brokers, failed: map[string]error{}, replied: map[string]bool{}, silent: map[string]struct{}{}, conns: map[*conn]struct{}{}}
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

// DialErrTo returns the error of the last attempt to connect to an address before Stop, or nil.
func (w *Wire) DialErrTo(addr string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed[addr]
}

// NoResponse returns err, the error of a client that got no response. It names an advertised address that has never replied, if there is one.
func (w *Wire) NoResponse(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for addr := range w.silent {
		return &kafkaconfig.AdvertisedError{Address: addr, Err: err}
	}
	return err
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
	if err = w.note(addr, err); err != nil {
		return nil, err
	}
	if !w.replied[addr] && !slices.Contains(w.seeds, addr) {
		w.silent[addr] = struct{}{}
	}
	c := &conn{Conn: raw, wire: w, addr: addr}
	w.conns[c] = struct{}{}
	return c, nil
}

// note notes the outcome of an attempt to connect. It returns err as a DialError unless it is nil. It is called with mu held.
func (w *Wire) note(addr string, err error) error {
	if err != nil {
		if !slices.Contains(w.seeds, addr) {
			err = &kafkaconfig.AdvertisedError{Address: addr, Err: err}
		}
		err = &DialError{err}
	}
	if !w.stopped {
		w.dialErr = err
		w.failed[addr] = err
	}
	if w.failed[addr] == nil {
		delete(w.failed, addr)
	}
	return err
}

// DialError reports that connecting failed.
type DialError struct{ error }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.error }

// conn is a connection to a broker.
type conn struct {
	net.Conn

	wire *Wire
	addr string
	head []byte // the first bytes that were read, at most sizePrefix
}

const (
	sizePrefix = 4 // bytes of a request or response
	// maxResponse is the size of the largest response in bytes, as of franz-go.
	maxResponse = 100 << 20
)

// protocolError reports a server that is no broker. Clients retry after it, as if the connection had ended.
type protocolError struct{}

func (protocolError) Error() string {
	return "the server replies in another protocol than that of Kafka"
}

func (protocolError) Unwrap() error { return io.ErrUnexpectedEOF }

// Read fails if the server does not reply as a broker. A client would wait for a response of hundreds of MiB. If an address that a broker
// advertises never replies, the error names it.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if len(c.head) == 0 && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && !slices.Contains(c.wire.seeds, c.addr) {
		c.wire.mu.Lock()
		defer c.wire.mu.Unlock()
		return 0, c.wire.note(c.addr, err)
	}
	if missing := sizePrefix - len(c.head); missing > 0 && n > 0 {
		c.head = append(c.head, b[:min(n, missing)]...)
		if len(c.head) < sizePrefix {
			return n, err //nolint:wrapcheck // the client inspects the error
		}
		c.wire.mu.Lock()
		defer c.wire.mu.Unlock()
		if binary.BigEndian.Uint32(c.head) > maxResponse {
			return 0, c.wire.note(c.addr, protocolError{})
		}
		c.wire.replied[c.addr] = true
		delete(c.wire.silent, c.addr)
	}
	return n, err //nolint:wrapcheck // the client inspects the error
}

// Write counts a produce request if b begins with one. A client may split a large request
// into several writes. A later part that looks like the beginning of a request is counted too,
// which makes a fate unknown, never wrong.
func (c *conn) Write(b []byte) (int, error) {
	const keyBytes, produce = 2, 0
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
