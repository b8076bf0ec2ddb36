package faults

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Proxy forwards TCP connections to a server and breaks them on demand. It is
// safe for concurrent use.
type Proxy struct {
	listener net.Listener
	upstream string
	passing  sync.WaitGroup

	mu      sync.Mutex
	fault   Fault
	changed chan struct{} // closed with the next change of fault
	links   map[*link]struct{}
}

// Fault is how a Proxy treats its connections until the next call of Set.
type Fault uint8

const (
	// Healthy forwards all data at once.
	Healthy Fault = iota
	// Away closes every new connection.
	Away
	// Latency delays all data by 25 ms.
	Latency
	// BlackHole holds all data until the fault ends, and then forwards it.
	BlackHole
	// LostResponses forwards the data of clients and drops the responses of the
	// server. A connection that lost a response is closed when the fault ends.
	LostResponses
)

const latency = 25 * time.Millisecond

// link is one connection.
type link struct {
	client, server net.Conn
	ended          chan struct{} // closed together with both connections
	end            sync.Once

	// The mutex of the proxy guards these.
	lost  bool // a response was dropped
	stale bool // only the connection to the server is closed
}

// NewProxy starts a proxy for the server at upstream, a host and port.
func NewProxy(upstream string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not block
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	p := &Proxy{listener: listener, upstream: upstream, changed: make(chan struct{}), links: map[*link]struct{}{}}
	p.passing.Go(p.accept)
	return p, nil
}

// Addr returns the host and port to connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close closes all connections and the proxy, and waits for its goroutines.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.Set(Away)
	p.Cut()
	p.passing.Wait()
}

// Set starts f and ends the previous fault.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	close(p.changed)
	p.changed = make(chan struct{})
	for l := range p.links {
		if l.lost {
			l.close()
		}
	}
}

// Cut closes all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// Reset ends all connections with a TCP reset.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		for _, c := range []net.Conn{l.client, l.server} {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		}
		l.close()
	}
}

// CloseSlowly closes the server side of all connections. It closes the client
// side after delay, and drops what clients send until then.
func (p *Proxy) CloseSlowly(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.stale = true
		_ = l.server.Close()
		time.AfterFunc(delay, l.close)
	}
}

// Links returns the number of connections.
func (p *Proxy) Links() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.passing.Go(func() { p.serve(client) })
	}
}

// serve forwards data in both directions until either side closes.
func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", p.upstream) //nolint:noctx // fails at once on loopback
	if err != nil {
		return
	}
	l := &link{client: client, server: server, ended: make(chan struct{})}
	defer l.close()
	p.mu.Lock()
	if p.fault == Away {
		p.mu.Unlock()
		return
	}
	p.links[l] = struct{}{}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	}()
	var responses sync.WaitGroup
	responses.Go(func() { p.pass(l, server, client) })
	p.pass(l, client, server)
	responses.Wait()
}

// pass copies data from one side to the other, subject to the current fault.
func (p *Proxy) pass(l *link, from, to net.Conn) {
	defer func() {
		p.mu.Lock()
		stale := l.stale
		p.mu.Unlock()
		if stale {
			<-l.ended
		}
		l.close()
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if !p.admit(l, from == l.server) {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// admit waits as long as the current fault holds data, and reports whether to
// forward it.
func (p *Proxy) admit(l *link, response bool) bool {
	for {
		p.mu.Lock()
		fault, changed := p.fault, p.changed
		if fault == LostResponses && response {
			l.lost = true
		}
		p.mu.Unlock()
		switch fault {
		case LostResponses:
			return !response
		case Latency:
			select {
			case <-time.After(latency):
			case <-l.ended:
			}
			return true
		case BlackHole:
			select {
			case <-changed:
			case <-l.ended:
				return false
			}
		default:
			return true
		}
	}
}

func (l *link) close() {
	l.end.Do(func() {
		_ = l.client.Close()
		_ = l.server.Close()
		close(l.ended)
	})
}
