package scale_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/scale"
)

func TestTapCountsRequestsByTheirKey(t *testing.T) {
	t.Parallel()
	broker, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = broker.Close() })
	tap, err := scale.NewTap(broker.Addr().String())
	require.NoError(t, err)
	t.Cleanup(tap.Close)
	client, err := new(net.Dialer).DialContext(t.Context(), "tcp", tap.Addr())
	require.NoError(t, err)
	server, err := broker.Accept()
	require.NoError(t, err)
	for _, conn := range []net.Conn{client, server} {
		require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	}

	var sent []byte
	for _, key := range []int16{scale.ProduceKey, scale.MetadataKey, scale.ProduceKey} {
		request := binary.BigEndian.AppendUint16(nil, uint16(key))
		request = append(request, make([]byte, 10_000)...) // more than one portion
		sent = append(binary.BigEndian.AppendUint32(sent, uint32(len(request))), request...)
	}
	_, err = client.Write(sent)
	require.NoError(t, err)
	received := make([]byte, len(sent))
	_, err = io.ReadFull(server, received)
	require.NoError(t, err)
	require.Equal(t, sent, received)
	require.Equal(t, map[int16]int{scale.ProduceKey: 2, scale.MetadataKey: 1}, tap.Requests())
	require.Equal(t, 1, tap.Connections())

	_, err = server.Write([]byte("response"))
	require.NoError(t, err)
	response := make([]byte, len("response"))
	_, err = io.ReadFull(client, response)
	require.NoError(t, err)
	require.Equal(t, "response", string(response))

	require.NoError(t, client.Close())
	require.Eventually(t, func() bool { return tap.Connections() == 0 }, 5*time.Second, time.Millisecond)
}
