//go:build !race

package redis_test

import (
	"bufio"
	"net"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

//nolint:paralleltest // AllocsPerRun counts the whole process
func TestMessagesCostNoAllocation(t *testing.T) {
	const count, together = 10_000, 32 // IDs share memory
	b := newBackend(t, redis.Config{URL: "redis://" + thriftyServer(t), BufferMessages: count})
	m := newMessage("s", 1)
	done := func(_ signalcast.Receipt, err error) {
		if err != nil {
			t.Error(err)
		}
	}
	allocs := testing.AllocsPerRun(5, func() {
		for range count {
			if err := b.Publish(t.Context(), m, done); err != nil {
				t.Error(err)
			}
		}
		flush(t, b)
	})
	require.LessOrEqual(t, allocs/count, 1.5/together)
}

// thriftyServer answers as Redis does, without allocations of its own.
func thriftyServer(t *testing.T) (address string) {
	t.Helper()
	const id = "$3\r\n1-1\r\n"
	listener := listen(t)
	t.Cleanup(func() { _ = listener.Close() })
	serve := func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		in, out := bufio.NewReader(conn), bufio.NewWriter(conn)
		queued := int64(-1) // outside of a transaction
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			switch string(line) {
			case "hello\r\n":
				_, _ = out.WriteString("-ERR unknown command\r\n")
			case "COMMAND\r\n":
				_, _ = out.WriteString("*2\r\n*-1\r\n*-1\r\n")
			case "MULTI\r\n":
				_, _ = out.WriteString("+OK\r\n")
				queued = 0
			case "XADD\r\n":
				if queued < 0 {
					_, _ = out.WriteString(id)
					break
				}
				_, _ = out.WriteString("+QUEUED\r\n")
				queued++
			case "EXEC\r\n":
				_, _ = out.Write(strconv.AppendInt(append(out.AvailableBuffer(), '*'), queued, 10))
				_, _ = out.WriteString("\r\n")
				for ; queued > 0; queued-- {
					_, _ = out.WriteString(id)
				}
				queued = -1
			}
			if in.Buffered() == 0 {
				_ = out.Flush()
			}
		}
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().String()
}
