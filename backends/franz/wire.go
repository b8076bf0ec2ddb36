package franz

import (
	"context"
	"encoding/binary"
	"net"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
)

// wire watches the connections to the brokers, to tell what was certainly not
// written from what may have been: franz-go does not say it.
type wire struct {
	began atomic.Int64 // produce requests whose writing began, with whatever records
	lost  atomic.Int64 // connections closed that carried such a request
	shut  atomic.Bool  // no produce request is written any more
}

// moment is a state of the wire.
type moment struct{ began, lost int64 }

func (w *wire) now() moment { return moment{w.began.Load(), w.lost.Load()} }

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

func (w *wire) dialer(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: c, wire: w}, nil
	}
}

// conn is a connection to a broker.
type conn struct {
	net.Conn

	wire     *wire
	produced atomic.Bool
}

// Write writes one request, as franz-go calls it. The request is counted before
// a byte of it is written and only then refused, so that who has shut the wire
// and looks at the count sees every request that was not.
func (c *conn) Write(request []byte) (int, error) {
	const sizePrefix = 4
	if len(request) >= sizePrefix+2 && kmsg.Key(binary.BigEndian.Uint16(request[sizePrefix:])) == kmsg.Produce {
		c.produced.Store(true)
		c.wire.began.Add(1)
		if c.wire.shut.Load() {
			return 0, signalcast.ErrClosed
		}
	}
	return c.Conn.Write(request) //nolint:wrapcheck // franz-go looks at it
}

func (c *conn) Close() error {
	if c.produced.Swap(false) {
		c.wire.lost.Add(1)
	}
	return c.Conn.Close() //nolint:wrapcheck // franz-go looks at it
}
