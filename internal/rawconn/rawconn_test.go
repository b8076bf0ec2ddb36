package rawconn_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/rawconn"
)

// newClient returns a client of go-redis whose connections are in set.
func newClient(t *testing.T, set *rawconn.Set) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: miniredis.RunT(t).Addr(),
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialed, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return set.Add("server", dialed), nil
		},
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestFindReturnsTheConnectionOfEachOfSeveral(t *testing.T) {
	t.Parallel()
	set := rawconn.New()
	client := newClient(t, set)
	first, second := client.Conn(), client.Conn()
	find := func(conn *redis.Conn) net.Conn {
		found, err := set.Find(func(mark string) error { return conn.Echo(t.Context(), mark).Err() })
		require.NoError(t, err)
		require.NotNil(t, found)
		return found
	}
	a, b := find(first), find(second)
	require.NotEqual(t, a.LocalAddr().String(), b.LocalAddr().String())
	require.Equal(t, a, find(first), "the same one each time")

	_, err := a.Write([]byte("*1\r\n$4\r\nPING\r\n"))
	require.NoError(t, err)
	reply := make([]byte, 7)
	_, err = a.Read(reply)
	require.NoError(t, err)
	require.Equal(t, "+PONG\r\n", string(reply))
}

func TestFindReturnsNilIfTheMarkPassesNoConnection(t *testing.T) {
	t.Parallel()
	failure := errors.New("not sent")
	found, err := rawconn.New().Find(func(string) error { return failure })
	require.Nil(t, found)
	require.Equal(t, failure, err)
}

func TestCloseAllClosesOpenAndLaterConnections(t *testing.T) {
	t.Parallel()
	set := rawconn.New()
	client := newClient(t, set)
	require.NoError(t, client.Ping(t.Context()).Err())
	set.CloseAll()
	require.Error(t, client.Ping(t.Context()).Err())
	require.Error(t, client.Ping(t.Context()).Err(), "a new connection is closed too")
}
