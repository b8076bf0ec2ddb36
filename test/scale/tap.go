package scale

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"sync"
)

// Tap forwards connections to a broker and counts the requests. It is safe for concurrent use.
type Tap struct {
	listener net.Listener
	upstream string
	passing  sync.WaitGroup

	mu       sync.Mutex
	requests map[int16]int
	conns    map[net.Conn]struct{} // of clients
}

// The keys of two requests of Kafka.
const (
	ProduceKey  int16 = 0
	MetadataKey int16 = 3
)

// NewTap starts a tap for the broker at upstream, a host and port.
func NewTap(upstream string) (*Tap, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not block
	if err != nil {
		return nil, fmt.Errorf("tap: %w", err)
	}
	t := &Tap{listener: listener, upstream: upstream, requests: map[int16]int{}, conns: map[net.Conn]struct{}{}}
	t.passing.Go(t.accept)
	return t, nil
}

// Addr returns the host and port to connect to.
func (t *Tap) Addr() string { return t.listener.Addr().String() }

// Requests returns the number of requests so far, by their key.
func (t *Tap) Requests() map[int16]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.requests)
}

// Connections returns the number of connections.
func (t *Tap) Connections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.conns)
}

// Close closes all connections and the tap, and waits for its goroutines.
func (t *Tap) Close() {
	_ = t.listener.Close()
	t.mu.Lock()
	for c := range t.conns {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.passing.Wait()
}

func (t *Tap) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.mu.Lock()
		t.conns[client] = struct{}{}
		t.mu.Unlock()
		t.passing.Go(func() { t.serve(client) })
	}
}

func (t *Tap) serve(client net.Conn) {
	defer func() {
		_ = client.Close()
		t.mu.Lock()
		delete(t.conns, client)
		t.mu.Unlock()
	}()
	server, err := net.Dial("tcp", t.upstream) //nolint:noctx // fails at once on loopback
	if err != nil {
		return
	}
	t.passing.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	t.forward(server, client)
	_ = server.Close()
}

// forward forwards requests until the connection ends.
func (t *Tap) forward(server io.Writer, client io.Reader) {
	const size, key = 4, 2
	in := bufio.NewReader(client)
	for {
		head, err := in.Peek(size + key)
		if err != nil {
			return
		}
		length := int64(binary.BigEndian.Uint32(head)) + size
		t.mu.Lock()
		t.requests[int16(binary.BigEndian.Uint16(head[size:]))]++ //nolint:gosec // two's complement
		t.mu.Unlock()
		if _, err := io.CopyN(server, in, length); err != nil {
			return
		}
	}
}
