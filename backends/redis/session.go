package redis

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// sessions hands out checked connections, a bounded number at a time.
type sessions struct {
	client  redis.UniversalClient
	links   *links
	timeout time.Duration // of each wait for a server
	permits chan struct{}
	// wanting counts the streams that wait for a permit.
	wanting atomic.Int64

	mu   sync.Mutex
	idle []*session
}

// session is one connection to one server, used by one goroutine at a time.
type session struct {
	node *redis.Client
	conn *redis.Conn
	// wire is the same connection, for writing entries. Whoever uses conn or wire
	// reads all the answers.
	wire wire
	// idempotent says that the server recognises an XADD that it has seen before.
	idempotent bool
	// usedAt is when the server last answered.
	usedAt time.Time
	// transacts says that the server took the last MULTI.
	transacts bool

	// transaction says that the batch in flight is one, unsent why it could not
	// be written as a whole.
	transaction bool
	unsent      error
	outcomes    []outcome // the memory of receive
}

// trusted is how long after its last answer a connection is used without asking
// whether it still works. Losing a batch on a dead connection would leave its
// outcome open.
const trusted = time.Second

func newSessions(client redis.UniversalClient, dialed *links, limit int, timeout time.Duration) *sessions {
	return &sessions{client: client, links: dialed, timeout: timeout, permits: make(chan struct{}, limit)}
}

// errBusy says that a message found no connection in its time: other streams
// were waiting for a server that does not answer.
var errBusy = errors.New("all connections were in use")

// get returns a working connection to the server that holds the stream. While
// all are in use it waits for one, until the deadline. When it fails, nothing has
// been written.
func (p *sessions) get(ctx context.Context, stream string, deadline time.Time) (*session, error) {
	select {
	case p.permits <- struct{}{}:
	default:
		p.wanting.Add(1)
		defer p.wanting.Add(-1)
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		select {
		case p.permits <- struct{}{}:
		case <-timer.C:
			return nil, errBusy
		case <-ctx.Done():
			return nil, ctx.Err() //nolint:wrapcheck // the caller's own error
		}
	}
	s, err := p.open(ctx, stream)
	if err != nil {
		<-p.permits
		return nil, err
	}
	return s, nil
}

// put takes back a session that works.
func (p *sessions) put(s *session) {
	s.usedAt = time.Now()
	p.mu.Lock()
	p.idle = append(p.idle, s)
	var oldest *session
	if len(p.idle) > cap(p.permits) { // of several nodes
		oldest = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.mu.Unlock()
	if oldest != nil {
		_ = oldest.conn.Close()
	}
	<-p.permits
}

// retire takes back a session whose server failed or rejected. In a cluster the
// stream may have moved, behind a Sentinel the master: both are looked up again.
func (p *sessions) retire(ctx context.Context, s *session) {
	s.close()
	if cluster, ok := p.client.(*redis.ClusterClient); ok {
		cluster.ReloadState(ctx)
	}
	<-p.permits
}

func (p *sessions) open(ctx context.Context, stream string) (*session, error) {
	node, err := p.node(ctx, stream)
	if err != nil {
		return nil, err
	}
	s := p.takeIdle(node)
	if s != nil && time.Since(s.usedAt) < trusted {
		return s, nil
	}
	if s != nil {
		if err := p.check(ctx, s); err == nil {
			return s, nil
		}
		s.close() // closed by the server while idle: a new one may do
	}
	s = &session{node: node, conn: node.EphemeralConn()}
	if err := p.check(ctx, s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// node returns the client of the server that holds the stream.
func (p *sessions) node(ctx context.Context, stream string) (*redis.Client, error) {
	switch client := p.client.(type) {
	case *redis.Client:
		return client, nil
	case *redis.ClusterClient:
		return client.MasterForKey(ctx, stream) //nolint:wrapcheck // wrapped where it is reported
	default:
		return nil, errors.ErrUnsupported // newClient makes no others
	}
}

// takeIdle returns the session to node that was used last, or nil.
func (p *sessions) takeIdle(node *redis.Client) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.idle) - 1; i >= 0; i-- {
		if s := p.idle[i]; s.node == node {
			p.idle = slices.Delete(p.idle, i, i+1)
			return s
		}
	}
	return nil
}

// check asks whether the connection works, and whether the server offers what
// Redis 8.6 brought: XCFGSET sets up the recognition of repeated XADDs.
func (p *sessions) check(ctx context.Context, s *session) error {
	var reply any
	mark := p.links.mark()
	err := guarded(func() (err error) {
		reply, err = s.conn.Do(ctx, "COMMAND", "INFO", "XCFGSET", mark).Result()
		return err //nolint:wrapcheck // wrapped where it is reported
	})
	link := p.links.take(mark)
	if link == nil { // it was not asked: what is rejected is the database, or to name the master
		if err == nil {
			err = errNoLink
		}
		return err
	}
	if s.wire.in == nil {
		s.wire = newWire(link.Conn, p.timeout)
	}
	if err != nil && isReply(err) {
		// The user may not ask, or the server knows no COMMAND INFO: it answers.
		code, text := splitReply(err)
		if code == "NOPERM" || code == "ERR" && strings.HasPrefix(text, "unknown") {
			err = nil
		}
	}
	commands, _ := reply.([]any)
	s.idempotent = len(commands) == 2 && commands[0] != nil
	return err
}

// errNoLink says that the client wrote to a connection that it did not dial here.
var errNoLink = errors.New("the client's connection is not known")

// guarded makes a call of the client and turns its panic into an error. go-redis
// makes room for whatever length a server announces, and panics where no memory
// has that many addresses.
func guarded(call func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errNonsense
		}
	}()
	return call()
}

// unread reports that answers came to nothing that was asked.
func (s *session) unread() bool { return s.wire.in.Buffered() > 0 }

// close ends the connection.
func (s *session) close() { _ = s.conn.Close() }
