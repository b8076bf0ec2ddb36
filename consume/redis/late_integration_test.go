//go:build integration

package redis_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
)

// lateConn keeps the first read of entries that it sends while hold is set, and stays open to send it later.
type lateConn struct {
	net.Conn

	hold  *atomic.Bool
	kept  chan<- lateRequest
	keeps bool
}

// lateRequest is what a connection did not send.
type lateRequest struct {
	conn    net.Conn
	request []byte
}

func (c *lateConn) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("XREADGROUP")) && c.hold.CompareAndSwap(true, false) {
		c.keeps = true
		c.kept <- lateRequest{c.Conn, bytes.Clone(b)}
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *lateConn) Close() error {
	if c.keeps {
		return c.SetDeadline(time.Unix(1, 0))
	}
	return c.Conn.Close()
}

// A read that the server gets after its connection was given up returns no entries. They would be lost, and the reader would go on
// behind them.
//
//nolint:paralleltest // see newServerBus
func TestLateReadGetsNoEntries(t *testing.T) {
	b := newServerBus(t)
	hold, kept := &atomic.Bool{}, make(chan lateRequest, 1)
	source, err := redis.New(redis.Config{
		Server: redisbus.Config{URL: b.url, ReadTimeout: 300 * time.Millisecond, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &lateConn{Conn: conn, hold: hold, kept: kept}, err
		}},
		Group: "group", Topics: []string{stream}, Lease: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = source.Close() })
	a := newAccount()
	m := run(t, source, a.receive, consume.Config{})
	b.send(t, 1, 1, 1)
	a.require(t, 1, 1)
	hold.Store(true)
	b.send(t, 1, 2, 3)
	late := <-kept
	a.require(t, 1, 3)

	defer func() { _ = late.conn.Close() }()
	require.NoError(t, late.conn.SetDeadline(time.Now().Add(patience)))
	_, err = late.conn.Write(late.request)
	require.NoError(t, err)
	want := []byte("+OK\r\n+QUEUED\r\n")
	reply := make([]byte, len(want)+len("_\r\n"))
	_, err = io.ReadFull(late.conn, reply)
	require.NoError(t, err)
	require.Equal(t, string(want)+"_\r\n", string(reply), "the server executed the transaction")
	m.stop(t)
}
