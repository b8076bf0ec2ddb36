package faults_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/faults"
)

const soon = 10 * time.Second

func TestProxyBreaksConnections(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *faults.Proxy, *echo, net.Conn){
		"Healthy forwards data": func(t *testing.T, _ *faults.Proxy, _ *echo, c net.Conn) {
			t.Helper()
			requireEcho(t, c, "a")
		},
		"Cut closes the connection, and the next one works": func(t *testing.T, p *faults.Proxy, _ *echo, c net.Conn) {
			t.Helper()
			p.Cut()
			requireEnd(t, c, io.EOF)
			requireEcho(t, dial(t, p), "b")
		},
		"Reset resets the connection": func(t *testing.T, p *faults.Proxy, _ *echo, c net.Conn) {
			t.Helper()
			p.Reset()
			requireEnd(t, c, syscall.ECONNRESET)
		},
		"Away closes new connections": func(t *testing.T, p *faults.Proxy, _ *echo, c net.Conn) {
			t.Helper()
			p.Set(faults.Away)
			requireEcho(t, c, "b")
			requireEnd(t, dial(t, p), io.EOF)
		},
		"Latency delays data": func(t *testing.T, p *faults.Proxy, _ *echo, c net.Conn) {
			t.Helper()
			p.Set(faults.Latency)
			began := time.Now()
			requireEcho(t, c, "b")
			require.Greater(t, time.Since(began), 50*time.Millisecond, "25 ms each way")
		},
		"BlackHole holds data until it ends": func(t *testing.T, p *faults.Proxy, _ *echo, c net.Conn) {
			t.Helper()
			p.Set(faults.BlackHole)
			requireSilence(t, c, "b")
			p.Set(faults.Healthy)
			requireRead(t, c, "b")
		},
		"LostResponses drops responses to data that the server received": func(t *testing.T, p *faults.Proxy, server *echo, c net.Conn) {
			t.Helper()
			p.Set(faults.LostResponses)
			requireSilence(t, c, "b")
			require.Equal(t, "b", <-server.got)
			p.Set(faults.Healthy)
			requireEnd(t, c, io.EOF)
			requireEcho(t, dial(t, p), "c")
		},
		"CloseSlowly closes the client side later": func(t *testing.T, p *faults.Proxy, server *echo, c net.Conn) {
			t.Helper()
			p.CloseSlowly(200 * time.Millisecond)
			requireSilence(t, c, "b")
			requireEnd(t, c, io.EOF)
			require.Empty(t, server.got)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startEcho(t)
			p, err := faults.NewProxy(server.addr)
			require.NoError(t, err)
			t.Cleanup(p.Close)
			c := dial(t, p)
			requireEcho(t, c, "a")
			require.Equal(t, "a", <-server.got)
			test(t, p, server, c)
		})
	}
}

// echo is a server that returns what it receives.
type echo struct {
	addr string
	got  chan string
}

func startEcho(t *testing.T) *echo {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	e := &echo{addr: l.Addr().String(), got: make(chan string, 10)}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				b := make([]byte, 1)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					e.got <- string(b)
					if _, err := c.Write(b); err != nil {
						return
					}
				}
			}()
		}
	}()
	return e
}

func dial(t *testing.T, p *faults.Proxy) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func requireEcho(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
	requireRead(t, c, text)
}

func requireRead(t *testing.T, c net.Conn, text string) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(soon)))
	b := make([]byte, len(text))
	_, err := io.ReadFull(c, b)
	require.NoError(t, err)
	require.Equal(t, text, string(b))
}

// requireSilence sends text and fails if data arrives within 50 ms.
func requireSilence(t *testing.T, c net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(c, text)
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = c.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}

func requireEnd(t *testing.T, c net.Conn, with error) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(soon)))
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	require.True(t, errors.Is(err, with) || errors.Is(err, syscall.ECONNRESET), "%v", err)
}
