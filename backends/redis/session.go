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

	"github.com/signalcast/signalcast/backends/redis/internal/rawconn"
	"github.com/signalcast/signalcast/backends/redis/internal/resp"
)

// sessions is a bounded pool of verified connections.
type sessions struct {
	client  redis.UniversalClient
	conns   *rawconn.Set
	timeout time.Duration // of each wait for a server
	permits chan struct{}
	// wanting is the number of streams that wait for a permit.
	wanting atomic.Int64

	mu   sync.Mutex
	idle []*session
}

// session is one connection to one server. One goroutine at a time uses it.
type session struct {
	node *redis.Client
	conn *redis.Conn
	// wire is the same connection, for writing entries. A user of conn or wire must
	// read all replies.
	wire resp.Conn
	// idempotent is true if the server recognises a repeated XADD.
	idempotent bool
	// usedAt is the time of the last reply.
	usedAt time.Time
	// transacts is true if the server accepted the last MULTI.
	transacts bool

	// transaction is true if the batch in flight is a transaction. unsent is the error of
	// writing it.
	transaction bool
	unsent      error
	outcomes    []outcome // the memory of receive
}

// trusted is how long after its last reply a connection is used without a check. A batch that
// is lost on a dead connection has an unknown outcome.
const trusted = time.Second

func newSessions(client redis.UniversalClient, conns *rawconn.Set, limit int, timeout time.Duration) *sessions {
	return &sessions{client: client, conns: conns, timeout: timeout, permits: make(chan struct{}, limit)}
}

// errBusy means that no connection became free before the delivery timeout: other streams
// wait for a server that does not reply.
var errBusy = errors.New("all connections are in use")

// get returns a working connection to the server of the stream. If all are in use, it waits
// for one until the deadline. If it returns an error, no entry was written.
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

// put returns a working session to the pool.
func (p *sessions) put(s *session) {
	s.usedAt = time.Now()
	p.mu.Lock()
	p.idle = append(p.idle, s)
	var oldest *session
	if len(p.idle) > cap(p.permits) { // to several nodes
		oldest = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.mu.Unlock()
	if oldest != nil {
		_ = oldest.conn.Close()
	}
	<-p.permits
}

// retire closes a session whose server failed or rejected a command. In a cluster, the stream
// may have moved, so the client reloads its view.
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
		s.close() // the server may have closed it while idle
	}
	s = &session{node: node, conn: node.EphemeralConn()}
	if err := p.check(ctx, s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// node returns the client of the server of the stream.
func (p *sessions) node(ctx context.Context, stream string) (*redis.Client, error) {
	switch client := p.client.(type) {
	case *redis.Client:
		return client, nil
	case *redis.ClusterClient:
		return client.MasterForKey(ctx, stream) //nolint:wrapcheck // wrapped where it is reported
	default:
		return nil, errors.ErrUnsupported // newClient returns no other client
	}
}

// takeIdle removes the session to node that was used last from the pool and returns it, or nil.
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

// check verifies that the connection works. It also asks whether the server has XCFGSET, the
// sign of Redis 8.6, which recognises a repeated XADD.
func (p *sessions) check(ctx context.Context, s *session) error {
	var reply any
	conn, err := p.conns.Find(func(mark string) error {
		return guarded(func() (err error) {
			reply, err = s.conn.Do(ctx, "COMMAND", "INFO", "XCFGSET", mark).Result()
			return err //nolint:wrapcheck // wrapped where it is reported
		})
	})
	if conn == nil { // the command was not sent: connecting or logging in failed
		if err == nil {
			err = errUnknownConn
		}
		return err
	}
	if s.wire.In == nil {
		s.wire = resp.NewConn(conn, p.timeout)
	}
	if err != nil && isReply(err) {
		// The user may not send it, or the server does not know COMMAND INFO: it replies.
		code, text := splitReply(err)
		if code == "NOPERM" || code == "ERR" && strings.HasPrefix(text, "unknown") {
			err = nil
		}
	}
	commands, _ := reply.([]any)
	s.idempotent = len(commands) == 2 && commands[0] != nil
	return err
}

// errUnknownConn means that the client wrote to a connection that the backend did not dial.
var errUnknownConn = errors.New("unknown connection")

// guarded calls the client and returns its panic as an error. go-redis allocates any length
// that a server announces, and panics if the length is impossible.
func guarded(call func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = resp.ErrProtocol
		}
	}()
	return call()
}

// unread reports whether there are replies without a command.
func (s *session) unread() bool { return s.wire.In.Buffered() > 0 }

// close closes the connection.
func (s *session) close() { _ = s.conn.Close() }
