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
// does not report. The methods of Wire are safe for concurrent use.
type Wire struct {
	dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	seeds []string // the configured addresses

	requests atomic.Int64

	mu       sync.Mutex
	stopped  bool
	dialErr  error            // of the last attempt to connect before Stop, or nil
	dialErrs map[string]error // the same by address
	replied  map[string]bool  // addresses at which a broker has replied
	silent   map[string]bool  // advertised addresses that accept connections and at which no broker has replied yet
	conns    map[*conn]struct{}
}

// NewWire returns a wire that connects as c configures.
func NewWire(c Config) *Wire {
	return &Wire{
		dial: dialer(c, c.TLS), seeds: c.Brokers,
		dialErrs: map[string]error{}, replied: map[string]bool{}, silent: map[string]bool{}, conns: map[*conn]struct{}{},
	}
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

// DialErrTo returns the error of the last attempt to connect to addr before Stop, or nil.
func (w *Wire) DialErrTo(addr string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dialErrs[addr]
}

// NoResponse returns err, the error of a client that received no response. If an advertised address accepts connections but no broker has
// replied there, NoResponse returns an AdvertisedError with the cause err.
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
	if err = w.recordDial(addr, err); err != nil {
		return nil, err
	}
	if !w.replied[addr] && w.advertised(addr) {
		w.silent[addr] = true
	}
	c := &conn{Conn: raw, wire: w, addr: addr}
	w.conns[c] = struct{}{}
	return c, nil
}

// advertised reports whether an address is known from a broker only.
func (w *Wire) advertised(addr string) bool { return !slices.Contains(w.seeds, addr) }

// recordDial records the error of an attempt to connect, or nil after success. It returns err as a DialError, or nil. The caller holds mu.
func (w *Wire) recordDial(addr string, err error) error {
	if err != nil {
		if w.advertised(addr) {
			err = &kafkaconfig.AdvertisedError{Address: addr, Err: err}
		}
		err = &DialError{err}
	}
	if !w.stopped {
		w.dialErr, w.dialErrs[addr] = err, err
	}
	return err
}

// DialError reports that connecting failed, or that no broker replied on a new connection.
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
	sizePrefix = 4 // the bytes at the beginning of a request or response that contain its size
	// maxResponse is the size of the largest response in bytes, as in franz-go.
	maxResponse = 100 << 20
)

// protocolError reports that a server is not a broker. Clients retry after it, because it wraps io.ErrUnexpectedEOF.
type protocolError struct{}

func (protocolError) Error() string {
	return "the server replies in another protocol than that of Kafka"
}

func (protocolError) Unwrap() error { return io.ErrUnexpectedEOF }

// Read returns an error if the server does not reply as a broker. Without it, the client would read the first bytes as the size of a
// response, and wait for hundreds of MiB. If the deadline of the first Read passes at an advertised address, the error names the address.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if len(c.head) == 0 && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.wire.advertised(c.addr) {
		c.wire.mu.Lock()
		defer c.wire.mu.Unlock()
		return 0, c.wire.recordDial(c.addr, err)
	}
	if missing := sizePrefix - len(c.head); missing > 0 && n > 0 {
		c.head = append(c.head, b[:min(n, missing)]...)
		if len(c.head) < sizePrefix {
			return n, err //nolint:wrapcheck // the client inspects the error
		}
		c.wire.mu.Lock()
		defer c.wire.mu.Unlock()
		if binary.BigEndian.Uint32(c.head) > maxResponse {
			return 0, c.wire.recordDial(c.addr, protocolError{})
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
		if err := c.wire.countRequest(); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b) //nolint:wrapcheck // the client inspects the error
}

// countRequest counts a produce request. It returns an error after Stop.
func (w *Wire) countRequest() error {
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
