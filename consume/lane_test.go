package consume_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/consume"
)

func TestOneConcurrentCallHandlesInOrderWithRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failures := 2
		p := start(t, consume.Config{Concurrency: 1, Retry: quick}, false, func(_ context.Context, name string) error {
			if name == "a1" && failures > 0 {
				failures--
				return errFails
			}
			return nil
		})
		p.add("a1", "b1", "a2", "c1")
		synctest.Wait()
		require.Empty(t, p.names())
		wait(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"a1", "b1", "a2", "c1"}, p.names())
		require.Equal(t, int64(2), p.counts().Failed)
		require.NoError(t, p.stop())
	})
}

func TestEqualKeysWaitForARetryAndOthersDoNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fail := true
		p := start(t, consume.Config{Retry: quick}, false, func(_ context.Context, name string) error {
			if name == "a1" && fail {
				return errFails
			}
			return nil
		})
		p.add("a1", "a2", "b1", "b2")
		synctest.Wait()
		require.Equal(t, []string{"b1", "b2"}, p.names())
		status := p.Status()
		require.Len(t, status.Retrying, 1)
		require.Equal(t, time.Second, status.Retrying[0].Next.Sub(status.Retrying[0].Since))
		require.ErrorIs(t, status.Retrying[0].Err, errFails)
		require.Equal(t, topic+"/id0", status.Retrying[0].Position)
		fail = false
		wait(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"b1", "b2", "a1", "a2"}, p.names())
		require.Empty(t, p.Status().Retrying)
		require.NoError(t, p.stop())
	})
}

func TestConcurrencyBoundsCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		begun := make(chan struct{}, 100)
		p := start(t, consume.Config{Concurrency: 3}, false, func(context.Context, string) error {
			begun <- struct{}{}
			<-release
			return nil
		})
		var names []string
		for i := range 26 {
			names = append(names, fmt.Sprintf("%c", 'a'+i))
		}
		p.add(names...)
		synctest.Wait()
		require.Len(t, begun, 3)
		close(release)
		synctest.Wait()
		require.ElementsMatch(t, names, p.names())
		require.NoError(t, p.stop())
	})
}
