//go:build integration

package hosts_test

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/hosts"
)

// The test binary echoes what it receives on port 7 if this variable is set.
const echoVariable = "SIGNALCAST_TEST_ECHO"

func TestMain(m *testing.M) {
	if os.Getenv(echoVariable) == "" {
		os.Exit(m.Run())
	}
	l, err := net.Listen("tcp", ":7") //nolint:noctx // until it is killed
	if err != nil {
		panic(err)
	}
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go func() { _, _ = io.Copy(c, c) }()
	}
}

// TestPacketsBetweenHosts applies each fault to the packets between the host of the test and another host.
//
//nolint:paralleltest // it has a process of its own
func TestPacketsBetweenHosts(t *testing.T) {
	hosts.Run(t, func(t *testing.T, n *hosts.Network) {
		far := n.Add(t, "far")
		echo := far.Command(t.Context(), os.Args[0])
		echo.Env = append(os.Environ(), echoVariable+"=1")
		require.NoError(t, echo.Start())
		var c net.Conn
		require.Eventually(t, func() (up bool) {
			var err error
			c, err = net.DialTimeout("tcp", far.Addr+":7", time.Second) //nolint:noctx // bounded
			return err == nil
		}, 5*time.Second, 10*time.Millisecond)
		defer func() { _ = c.Close() }()
		// echoed sends a text, unless it is empty, and reports whether a byte comes back in time.
		echoed := func(text string, atMost time.Duration) bool {
			if text != "" {
				_, err := io.WriteString(c, text)
				require.NoError(t, err)
			}
			require.NoError(t, c.SetReadDeadline(time.Now().Add(atMost)))
			one := make([]byte, 1)
			_, err := c.Read(one)
			return err == nil
		}
		require.True(t, echoed("a", 5*time.Second))

		for _, direction := range [][2]hosts.Host{{n.Client, far}, {far, n.Client}} {
			require.NoError(t, n.Drop(direction[0], direction[1]))
			require.False(t, echoed("b", 300*time.Millisecond))
			require.NoError(t, n.Pass(direction[0], direction[1]))
			require.True(t, echoed("", 5*time.Second), "TCP repeats what was dropped")
		}
		require.NoError(t, n.Isolate(far))
		require.False(t, echoed("c", 300*time.Millisecond))
		require.NoError(t, n.Rejoin(far))
		require.True(t, echoed("", 5*time.Second))

		require.NoError(t, n.Reject(n.Client, far))
		_, err := net.DialTimeout("tcp", far.Addr+":7", 10*time.Second) //nolint:noctx // bounded
		require.ErrorIs(t, err, syscall.ENETUNREACH)
		require.NoError(t, n.Admit(n.Client, far))

		heal, err := n.Slow(n.Client, far, 50*time.Millisecond, 0)
		require.NoError(t, err)
		began := time.Now()
		require.True(t, echoed("d", 5*time.Second))
		require.Greater(t, time.Since(began), 100*time.Millisecond)
		require.NoError(t, heal())
		require.Eventually(t, func() bool {
			began := time.Now()
			return echoed("e", 5*time.Second) && time.Since(began) < 100*time.Millisecond
		}, 10*time.Second, time.Millisecond, "the delay has not ended")

		heal, err = n.Slow(n.Client, far, 0, 1)
		require.NoError(t, err)
		require.False(t, echoed("f", 300*time.Millisecond))
		require.NoError(t, heal())
		require.True(t, echoed("", 5*time.Second))
	})
}
