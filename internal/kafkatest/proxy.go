package kafkatest

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// startProxy forwards connections to a broker through a gate. It returns the gate and the address
// to connect to. It ends with the test.
func startProxy(t testing.TB, broker string) (*gate, string) {
	t.Helper()
	g := &gate{conns: map[*gatedConn]struct{}{}}
	listener, err := g.listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = listener.Close()
		g.shut()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go forward(client, broker)
		}
	}()
	return g, listener.Addr().String()
}

func forward(client net.Conn, broker string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", broker) //nolint:noctx // fails at once on loopback
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	defer func() { _ = server.Close() }()
	size := make([]byte, 4)
	for {
		// A gatedConn recognises requests in these portions.
		if _, err := io.ReadFull(client, size); err != nil {
			return
		}
		request := make([]byte, binary.BigEndian.Uint32(size))
		if _, err := io.ReadFull(client, request); err != nil {
			return
		}
		if _, err := server.Write(append(size[:len(size):len(size)], request...)); err != nil {
			return
		}
	}
}
