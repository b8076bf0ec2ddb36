package redis_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
)

// received changes what a connection has received. It may return an error instead.
type received func(b []byte) ([]byte, error)

// brokenConn is a connection whose replies are changed.
type brokenConn struct {
	net.Conn

	change received
}

func (c brokenConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		return n, err
	}
	changed, err := c.change(b[:n])
	return copy(b, changed), err
}

var errCut = errors.New("connection reset by peer")

// replaceOnce replaces text of the same length in one reply of all connections.
func replaceOnce(old, other string) func() received {
	var done atomic.Bool
	return func() received {
		return func(b []byte) ([]byte, error) {
			if bytes.Contains(b, []byte(old)) && done.CompareAndSwap(false, true) {
				b = bytes.Replace(b, []byte(old), []byte(other), 1)
			}
			return b, nil
		}
	}
}

// Whatever replies hold, every event is handled once and in order, since the source asks again for what it did not get.
func TestBrokenRepliesLoseNothing(t *testing.T) {
	t.Parallel()
	faults := map[string]func() received{
		"connections end within replies": func() received {
			left := 20_000 + rand.IntN(60_000)
			return func(b []byte) ([]byte, error) {
				if left -= len(b); left < 0 {
					return b[:len(b)/2], errCut
				}
				return b, nil
			}
		},
		"a string is longer than announced":   replaceOnce("$10\r\nevent_data", "$09\r\nevent_data"),
		"a string is shorter than announced":  replaceOnce("$10\r\nevent_data", "$99\r\nevent_data"),
		"a length is impossible":              replaceOnce("$10\r\nevent_data", "$-7\r\nevent_data"),
		"an entry has a field without value":  replaceOnce("*16\r\n$4\r\ntype", "*15\r\n$4\r\ntype"),
		"the reply to the transaction is odd": replaceOnce("+QUEUED\r\n*1\r\n", "+QUEUED\r\n*3\r\n"),
		"a status is another one":             replaceOnce("+QUEUED\r\n", ":777777\r\n"),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const keys, count = 8, 100
			b, _ := newBus(t)
			b.send(t, keys, 1, count)
			var broken atomic.Int64
			source, err := redis.New(redis.Config{
				Server: redisbus.Config{URL: b.url, ReadTimeout: time.Second, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := new(net.Dialer).DialContext(ctx, network, addr)
					if err != nil {
						return nil, err
					}
					change := fault()
					return brokenConn{conn, func(b []byte) ([]byte, error) {
						before := bytes.Clone(b)
						after, err := change(b)
						if err != nil || !bytes.Equal(before, after) {
							broken.Add(1)
						}
						return after, err
					}}, nil
				}},
				Group: "group", Topics: []string{stream}, ReadEntries: 50,
			})
			require.NoError(t, err)
			t.Cleanup(func() { _ = source.Close() })
			a := newAccount()
			m := run(t, source, a.receive, consume.Config{})
			a.require(t, keys, count)
			m.stop(t)
			require.Positive(t, broken.Load())
		})
	}
}
