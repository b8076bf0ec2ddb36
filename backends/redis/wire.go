package redis

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strconv"
	"time"
)

// wire speaks the Redis protocol on a connection: as much of it as writing
// entries takes, which is the same in its versions 2 and 3.
type wire struct {
	in  *bufio.Reader
	out *bufio.Writer
}

// wireBuffer is the size in bytes of each direction's buffer.
const wireBuffer = 64 << 10

func newWire(conn net.Conn, timeout time.Duration) wire {
	t := timed{conn, timeout}
	return wire{in: bufio.NewReaderSize(t, wireBuffer), out: bufio.NewWriterSize(t, wireBuffer)}
}

// timed bounds each wait for the other side to send or to take bytes.
type timed struct {
	conn    net.Conn
	timeout time.Duration
}

func (t timed) Read(b []byte) (int, error) {
	_ = t.conn.SetReadDeadline(time.Now().Add(t.timeout))
	return t.conn.Read(b) //nolint:wrapcheck // wrapped where it is reported
}

func (t timed) Write(b []byte) (written int, err error) {
	for written < len(b) && err == nil {
		_ = t.conn.SetWriteDeadline(time.Now().Add(t.timeout))
		var n int
		n, err = t.conn.Write(b[written:min(len(b), written+wireBuffer)])
		written += n
	}
	return written, err //nolint:wrapcheck // wrapped where it is reported
}

// appendBulk appends an argument of a command.
func appendBulk[T string | []byte](b []byte, arg T) []byte {
	b = append(b, '$')
	b = strconv.AppendInt(b, int64(len(arg)), 10)
	b = append(b, "\r\n"...)
	b = append(b, arg...)
	return append(b, "\r\n"...)
}

// appendBulkInt appends an argument that is a number.
func appendBulkInt(b []byte, n int64) []byte {
	var digits [20]byte
	return appendBulk(b, strconv.AppendInt(digits[:0], n, 10))
}

// errNonsense is an answer that is none. What was written is open then, as
// without an answer.
var errNonsense = errors.New("reply that the client cannot read")

// rejection is an error reply.
type rejection string

func (r rejection) Error() string { return string(r) }

// RedisError makes r a redis.Error, as the error replies that the client reads.
func (rejection) RedisError() {}

// line reads a line, which is the start of every reply and the whole of most,
// and returns its kind and the rest. An error reply is a rejection.
func (w wire) line() (kind byte, rest []byte, err error) {
	line, err := w.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return 0, nil, errNonsense
	}
	if err != nil {
		return 0, nil, err //nolint:wrapcheck // wrapped where it is reported
	}
	line, whole := bytes.CutSuffix(line, []byte("\r\n"))
	if !whole || len(line) == 0 {
		return 0, nil, errNonsense
	}
	if line[0] == '-' {
		return 0, nil, rejection(line[1:])
	}
	return line[0], line[1:], nil
}

// status reads a reply that says nothing but that all went well.
func (w wire) status() error {
	kind, _, err := w.line()
	if err == nil && kind != '+' {
		err = errNonsense
	}
	return err
}

// longestID is how many bytes an ID may have: two numbers of 64 bits and a hyphen.
const longestID = 41

// appendID reads the ID of an entry and appends it to b.
func (w wire) appendID(b []byte) ([]byte, error) {
	kind, rest, err := w.line()
	if err != nil {
		return b, err
	}
	size, err := strconv.Atoi(string(rest))
	if kind != '$' || err != nil || size < 0 || size > longestID {
		return b, errNonsense
	}
	text, err := w.in.Peek(size + 2)
	if err != nil {
		return b, err //nolint:wrapcheck // wrapped where it is reported
	}
	b = append(b, text[:size]...)
	_, _ = w.in.Discard(size + 2)
	return b, nil
}
