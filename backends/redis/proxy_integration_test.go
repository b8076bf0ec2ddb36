//go:build integration

package redis_test

import (
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// proxy passes connections on to a server and does them harm.
type proxy struct {
	cut   int           // connections are cut after so many bytes, on average; 0 means never
	delay time.Duration // each piece of data waits so long
	drip  int           // pieces have at most so many bytes; 0 means as they come
}

// start returns the address of the proxy.
func (p *proxy) start(t *testing.T, server string) string {
	t.Helper()
	listener := listen(t)
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := new(net.Dialer).DialContext(context.Background(), "tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			passing.Go(func() { p.pass(client, upstream) })
			passing.Go(func() { p.pass(upstream, client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		passing.Wait()
	})
	return listener.Addr().String()
}

// pass copies from one side to the other until either ends or the time of the
// connection has come; a cut may leave a part of a command or of an answer.
func (p *proxy) pass(from, to net.Conn) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
	}()
	left := -1
	if p.cut > 0 {
		left = rand.IntN(2 * p.cut)
	}
	buffer := make([]byte, 64<<10)
	for left != 0 {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if left > 0 {
			n = min(n, left)
			left -= n
		}
		if p.delay > 0 {
			<-time.After(p.delay)
		}
		size := n
		if p.drip > 0 {
			size = p.drip
		}
		for piece := range slices.Chunk(buffer[:n], size) {
			if _, err := to.Write(piece); err != nil {
				return
			}
		}
	}
}
