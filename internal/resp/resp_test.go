package resp_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/resp"
)

// connected returns a Conn to a server that sends text and closes the connection.
func connected(t *testing.T, text string) resp.Conn {
	t.Helper()
	client, server := net.Pipe()
	go func() {
		_, _ = io.WriteString(server, text)
		_ = server.Close()
	}()
	t.Cleanup(func() { _ = client.Close() })
	return resp.NewConn(client, time.Minute)
}

func TestStatusReadsOneReply(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"+OK\r\n":                          nil,
		"-ERR no\r\n":                      resp.ReplyError("ERR no"),
		":1\r\n":                           resp.ErrProtocol,
		"+OK\n":                            resp.ErrProtocol,
		"\r\n":                             resp.ErrProtocol,
		"+" + strings.Repeat("x", 100_000): resp.ErrProtocol,
		"+O":                               io.EOF,
	} {
		err := connected(t, text).Status()
		require.ErrorIs(t, err, want, "%.20q", text)
	}
}

func TestAppendIDReadsAnEntryID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"$3\r\n1-2\r\n":                     nil,
		"-NOPERM no\r\n":                    resp.ReplyError("NOPERM no"),
		"$-1\r\n":                           resp.ErrProtocol,
		"$99999999999\r\n":                  resp.ErrProtocol,
		"$42\r\n" + strings.Repeat("x", 44): resp.ErrProtocol,
		"+1-2\r\n":                          resp.ErrProtocol,
		"$3\r\n1-":                          io.EOF,
	} {
		id, err := connected(t, text).AppendID([]byte(">"))
		require.ErrorIs(t, err, want, "%.20q", text)
		if want == nil {
			require.Equal(t, ">1-2", string(id))
		}
	}
}

func TestErrorRepliesEqualThoseOfTheClient(t *testing.T) {
	t.Parallel()
	_, _, err := connected(t, "-READONLY no\r\n").Line()
	_, ok := errors.AsType[redis.Error](err)
	require.True(t, ok)
}

func TestAppendBulkAndAppendIntWriteArguments(t *testing.T) {
	t.Parallel()
	b := resp.AppendBulk(nil, "é")
	b = resp.AppendBulk(b, []byte{})
	b = resp.AppendInt(b, -120)
	require.Equal(t, "$2\r\né\r\n$0\r\n\r\n$4\r\n-120\r\n", string(b))
}
