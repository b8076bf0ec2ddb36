package redis

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast/backends/redis/internal/resp"
)

// session is one connection to one server. One goroutine at a time uses it.
type session struct {
	node *node
	conn conn
	// wire is the same connection, for writing entries. A user of conn or wire must
	// read all replies.
	wire resp.Conn
	// idempotent is true if the server recognises a repeated XADD.
	idempotent bool
	// transacts is true if the server accepted the last MULTI.
	transacts bool
	// asking is true if the slot of the stream is migrating to this node.
	asking bool

	// usedAt is the time of the last reply.
	usedAt time.Time
	// stall calls node.stalled while the server is silent. It is nil outside a cluster.
	stall *time.Timer

	// transaction is true if the batch in flight is a transaction. unsent is the error of
	// writing it.
	transaction bool
	unsent      error
	outcomes    []outcome // the memory of receive
}

// conn is a [redis.Conn]. The types of go-redis are behind interfaces because of their size: each package that uses a type
// which leads to a client would compile its 700 methods again.
type conn interface {
	Do(ctx context.Context, args ...any) *redis.Cmd
	Type(ctx context.Context, key string) *redis.StatusCmd
	XInfoGroups(ctx context.Context, key string) *redis.XInfoGroupsCmd
	XLen(ctx context.Context, stream string) *redis.IntCmd
	Close() error
}

const (
	// trusted is how long after its last reply a connection is used without a check. A batch
	// that is lost on a dead connection has an unknown outcome.
	trusted = time.Second
	// stallTime is how long a node of a cluster may be silent before the other nodes are asked
	// whether it was replaced.
	stallTime = 500 * time.Millisecond
)

func newSession(n *node) *session {
	s := &session{node: n, conn: n.client.connect()}
	if n.stalled != nil {
		s.stall = time.AfterFunc(stallTime, func() {
			n.stalled()
			s.stall.Reset(stallTime)
		})
	}
	return s
}

// progress notes that the server replied, or that a wait for it begins.
func (s *session) progress() {
	s.usedAt = time.Now()
	if s.stall != nil {
		s.stall.Reset(stallTime)
	}
}

// rest notes that the session is not in use.
func (s *session) rest() {
	s.usedAt = time.Now()
	if s.stall != nil {
		s.stall.Stop()
	}
}

// check verifies that the connection works. It also asks whether the server has XCFGSET, the
// sign of Redis 8.6, which recognises a repeated XADD.
func (s *session) check(ctx context.Context, n *node) error {
	s.progress()
	var reply any
	conn, err := n.conns.Find(func(mark string) error {
		return guarded(func() (err error) {
			command := []any{"COMMAND", "INFO", "XCFGSET"}
			if n.durability.synced {
				command = append(command, "WAITAOF")
			}
			reply, err = s.conn.Do(ctx, append(command, mark)...).Result()
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
		s.wire = resp.NewConn(conn, n.timeout)
	}
	if err != nil && isReply(err) {
		// The user may not send it, or the server does not know COMMAND INFO: it replies.
		code, text := splitReply(err)
		if code == "NOPERM" || code == "ERR" && strings.HasPrefix(text, "unknown") {
			err = nil
		}
	}
	commands, _ := reply.([]any) // those asked for; other lengths are of servers that ignore the names
	switch {
	case len(commands) == 3 && n.durability.synced:
		s.idempotent = commands[0] != nil
		if commands[1] == nil {
			return errNoWaitAOF
		}
	case len(commands) == 2:
		s.idempotent = commands[0] != nil
	}
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
func (s *session) close() {
	if s.stall != nil {
		s.stall.Stop()
	}
	_ = s.conn.Close()
}
