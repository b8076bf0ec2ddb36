package redis

import (
	"bytes"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
)

// link is a connection that the client dialed. A session needs it beside its
// redis.Conn: it writes while it waits for an answer, which the client's
// commands and pipelines cannot.
type link struct {
	net.Conn

	links *links
}

// links finds the link of a redis.Conn, which the client does not tell: the
// session sends a mark through the client, and sees which link it passes. It also
// ends them all, those to Sentinels too.
type links struct {
	last   atomic.Uint64
	marked sync.Map // mark → *link

	mu     sync.Mutex
	open   map[*link]struct{}
	closed bool
}

// add returns the link of a connection that was dialed.
func (l *links) add(conn net.Conn) *link {
	added := &link{Conn: conn, links: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close()
	} else {
		l.open[added] = struct{}{}
	}
	return added
}

// close ends the links, and those that are still being dialed.
func (l *links) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for open := range l.open {
		_ = open.Conn.Close()
	}
	clear(l.open)
}

const markPrefix = "signalcast-link-"

// mark returns a new mark.
func (l *links) mark() string {
	return markPrefix + strconv.FormatUint(l.last.Add(1), 10)
}

// take returns the link that the mark has passed, or nil.
func (l *links) take(mark string) *link {
	found, _ := l.marked.LoadAndDelete(mark)
	passed, _ := found.(*link)
	return passed
}

// Write looks for a mark in what the client writes: some short commands.
func (l *link) Write(b []byte) (int, error) {
	if at := bytes.Index(b, []byte(markPrefix)); at >= 0 {
		mark, _, _ := bytes.Cut(b[at:], []byte("\r\n"))
		l.links.marked.Store(string(mark), l)
	}
	return l.Conn.Write(b) //nolint:wrapcheck // the client looks at it
}

// Close ends the connection, if that was not done with all of them.
func (l *link) Close() error {
	l.links.mu.Lock()
	_, open := l.links.open[l]
	delete(l.links.open, l)
	l.links.mu.Unlock()
	if !open {
		return nil
	}
	return l.Conn.Close() //nolint:wrapcheck // the client looks at it
}
