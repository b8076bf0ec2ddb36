package redis_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
)

// The position of the arguments is that of the documentation of XADD:
// key, IDMP producer number, MAXLEN ~ length, id.
func TestIdempotentServersGetMessageNumbers(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{idempotent: true})
	b := newBackend(t, redis.Config{URL: server.url(), BatchMessages: 1})
	other := newBackend(t, redis.Config{URL: server.url()})
	f := newFates()
	f.publish(t, b, "s", 1, 200)
	f.publish(t, other, "s", 201, 201)
	flush(t, b)
	flush(t, other)
	f.requireDelivered(t, 201)
	names := map[string]bool{}
	for _, command := range server.received("XADD") {
		require.Equal(t, "IDMP", command[2])
		require.Equal(t, []string{"MAXLEN", "~", "10000", "*", "type"}, command[5:10])
		names[command[3]+" "+command[4]] = true
	}
	require.Len(t, names, 201, "no two messages have the same name")
}

func TestBatchLargerThanTheIdempotencyWindowIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 64, 100, 101, 512, 5000} {
		t.Run(strconv.Itoa(size)+" messages", func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{idempotent: true, misbehave: during("EXEC", 1, 3, fault{cutAfter: true})})
			b := newBackend(t, redis.Config{URL: server.url(), BatchMessages: size})
			f := newFates()
			f.publish(t, b, "s", 1, 3000)
			flush(t, b)
			f.requireDelivered(t, 3000)
			require.Zero(t, requireOrdered(t, server.values("s"), 3000), "entries written twice")
			require.Zero(t, b.PossibleDuplicates())
		})
	}
}
