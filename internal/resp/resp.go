// Package resp reads and writes the part of the Redis protocol that streams need. [Conn] is for
// adding entries, and [Reader] for reading them. Both understand versions 2 and 3 of the protocol.
package resp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

// Conn is a connection with a buffer in each direction. The zero Conn is not connected.
type Conn struct {
	In  *bufio.Reader
	Out *bufio.Writer
}

// bufferSize is the size in bytes of each buffer.
const bufferSize = 64 << 10

// NewConn returns a Conn over conn. timeout bounds each wait for the server to send or receive
// bytes.
func NewConn(conn net.Conn, timeout time.Duration) Conn {
	t := WithTimeout(conn, timeout)
	return Conn{In: bufio.NewReaderSize(t, bufferSize), Out: bufio.NewWriterSize(t, bufferSize)}
}

// WithTimeout returns conn with a limit for each wait until the server sends or receives bytes.
func WithTimeout(conn net.Conn, timeout time.Duration) io.ReadWriter { return timed{conn, timeout} }

// timed sets a deadline for each call.
type timed struct {
	conn    net.Conn
	timeout time.Duration
}

func (t timed) Read(b []byte) (int, error) {
	_ = t.conn.SetReadDeadline(time.Now().Add(t.timeout))
	return t.conn.Read(b) //nolint:wrapcheck // the backend wraps it
}

func (t timed) Write(b []byte) (written int, err error) {
	for written < len(b) && err == nil {
		_ = t.conn.SetWriteDeadline(time.Now().Add(t.timeout))
		var n int
		n, err = t.conn.Write(b[written:min(len(b), written+bufferSize)])
		written += n
	}
	return written, err //nolint:wrapcheck // the backend wraps it
}

// AppendBulk appends an argument of a command.
func AppendBulk[T string | []byte](b []byte, arg T) []byte {
	b = append(b, '$')
	b = strconv.AppendInt(b, int64(len(arg)), 10)
	b = append(b, "\r\n"...)
	b = append(b, arg...)
	return append(b, "\r\n"...)
}

// AppendInt appends an argument that is a number.
func AppendInt(b []byte, n int64) []byte {
	var digits [20]byte
	return AppendBulk(b, strconv.AppendInt(digits[:0], n, 10))
}

// ErrProtocol reports a malformed reply. The outcome of the command is unknown, as it is
// without a reply.
var ErrProtocol = errors.New("malformed reply; the outcome is unknown")

// ReplyError is an error reply of the server.
type ReplyError string

// Error returns the text of the reply.
func (r ReplyError) Error() string { return string(r) }

// RedisError makes r a redis.Error, as the error replies that go-redis reads are.
func (ReplyError) RedisError() {}

// Line reads a line, the start of every reply and the whole of most. It returns the first
// byte and the rest. The rest is valid until the next call. An error reply is returned as an
// ReplyError.
func (c Conn) Line() (kind byte, rest []byte, err error) {
	line, err := c.In.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return 0, nil, ErrProtocol
	}
	if err != nil {
		return 0, nil, err //nolint:wrapcheck // the backend wraps it
	}
	line, whole := bytes.CutSuffix(line, []byte("\r\n"))
	if !whole || len(line) == 0 {
		return 0, nil, ErrProtocol
	}
	if line[0] == '-' {
		return 0, nil, ReplyError(line[1:])
	}
	return line[0], line[1:], nil
}

// Status reads a status reply, such as +OK.
func (c Conn) Status() error {
	kind, _, err := c.Line()
	if err == nil && kind != '+' {
		err = ErrProtocol
	}
	return err
}

// MaxID is the length of the longest ID: two numbers of 64 bits and a hyphen.
const MaxID = 41

// AppendID reads the ID of an entry and appends it to b.
func (c Conn) AppendID(b []byte) ([]byte, error) {
	kind, rest, err := c.Line()
	if err != nil {
		return b, err
	}
	size, err := strconv.Atoi(string(rest))
	if kind != '$' || err != nil || size < 0 || size > MaxID {
		return b, ErrProtocol
	}
	text, err := c.In.Peek(size + 2)
	if err != nil {
		return b, err //nolint:wrapcheck // the backend wraps it
	}
	b = append(b, text[:size]...)
	_, _ = c.In.Discard(size + 2)
	return b, nil
}
