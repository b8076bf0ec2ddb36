package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast/internal/resp"
)

// maxEntry is the size of the largest entry that is read. It is larger than any entry of a signalcast backend.
const maxEntry = 64 << 20

// link is a connection to the server of a stream. go-redis opens it and logs in. The source writes the commands and reads the replies.
// One goroutine at a time uses it.
type link struct {
	client    *goredis.Conn // holds the connection
	conn      net.Conn
	to        io.Writer
	in        *resp.Reader
	out       []byte // commands to send
	ids       []byte // reused by readEntries
	ends      []int  // likewise
	migrating bool   // the slot of the stream is migrating to the server
}

// links opens a link to the server of a stream when one is needed. One goroutine at a time uses it.
type links struct {
	source   *Source
	stream   string
	open     *link
	redirect string // the address in the last ASK reply: the server that the slot of the stream migrates to
}

// with calls use with a working link, which is closed if use returns an error. If ctx ends, so does the connection.
func (l *links) with(ctx context.Context, use func(*link) error) error {
	if l.open == nil {
		opened, err := l.connect(ctx)
		if err != nil {
			return err
		}
		l.open = opened
	}
	end := context.AfterFunc(ctx, l.open.abort)
	err := use(l.open)
	if aborted := !end(); aborted && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		l.close()
		l.redirect = redirectAddr(err)
	}
	return err //nolint:wrapcheck // the caller wraps it
}

// close closes the open link.
func (l *links) close() {
	if l.open != nil {
		_ = l.open.client.Close()
		l.open = nil
	}
}

// connect returns a new link to the server of the stream.
func (l *links) connect(ctx context.Context) (*link, error) {
	s := l.source
	client, migrating, err := l.server(ctx)
	if err != nil {
		return nil, fmt.Errorf("find the server: %w", err)
	}
	opened := &link{client: client.EphemeralConn(), migrating: migrating}
	opened.conn, err = s.conns.Find(func(mark string) error { return opened.client.Do(ctx, "PING", mark).Err() })
	if opened.conn != nil && (err == nil || isReply(err, "NOPERM")) {
		timeout := s.config.Server.ReadTimeout
		wire := resp.WithTimeout(opened.conn, timeout)
		opened.to, opened.in = wire, resp.NewReader(wire, maxEntry)
		return opened, nil
	}
	_ = opened.client.Close()
	if err == nil {
		err = errors.New("found a connection of another dialer")
	}
	return nil, fmt.Errorf("connect: %w", err)
}

// server returns a client for the server of the stream. migrating says whether the server is the one that its slot migrates to.
func (l *links) server(ctx context.Context) (client *goredis.Client, migrating bool, err error) {
	cluster, ok := l.source.client.(*goredis.ClusterClient)
	if !ok {
		single, ok := l.source.client.(*goredis.Client)
		if !ok {
			return nil, false, fmt.Errorf("found a client of type %T; want one of one server or of a cluster", l.source.client)
		}
		return single, false, nil
	}
	if l.redirect != "" {
		found := make(chan *goredis.Client, 1)
		_ = cluster.ForEachMaster(ctx, func(_ context.Context, master *goredis.Client) error {
			if master.Options().Addr == l.redirect {
				found <- master
			}
			return nil
		})
		select {
		case client = <-found:
			return client, true, nil
		default:
		}
	}
	client, err = cluster.MasterForKey(ctx, l.stream)
	return client, false, err //nolint:wrapcheck // the caller wraps it
}

// redirectAddr returns the address in an ASK reply. It is empty for other errors.
func redirectAddr(err error) string {
	if !isReply(err, "ASK ") {
		return ""
	}
	reply, _ := errors.AsType[goredis.Error](err)
	return reply.Error()[strings.LastIndexByte(reply.Error(), ' ')+1:]
}

// abort ends every wait for the server.
func (l *link) abort() { _ = l.conn.Close() }

// command adds a command to those that flush sends.
func (l *link) command(arguments ...string) {
	l.begin(len(arguments))
	for _, a := range arguments {
		l.out = resp.AppendBulk(l.out, a)
	}
}

// begin adds the first line of a command with n arguments.
func (l *link) begin(n int) {
	l.out = append(l.out, '*')
	l.out = strconv.AppendInt(l.out, int64(n), 10)
	l.out = append(l.out, "\r\n"...)
}

// addAsking adds ASKING, if the slot is migrating. It must be called before each command with a key, and readAsking before its reply.
func (l *link) addAsking() {
	if l.migrating {
		l.command("ASKING")
	}
}

// readAsking reads the reply to what addAsking added.
func (l *link) readAsking() error {
	if !l.migrating {
		return nil
	}
	return l.in.Status()
}

// flush sends the commands.
func (l *link) flush() error {
	const maxKept = 1 << 20
	_, err := l.to.Write(l.out)
	if l.out = l.out[:0]; cap(l.out) > maxKept {
		l.out = nil
	}
	return err //nolint:wrapcheck // the caller wraps it
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
