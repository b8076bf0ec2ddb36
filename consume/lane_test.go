package consume_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/consume"
)

func TestEqualKeysWaitForARetryAndOthersDoNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var works atomic.Bool
		p := begin(t, consume.Config{Retry: quick}, false, func(_ context.Context, name string) error {
			if name == "a1" && !works.Load() {
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
		require.Equal(t, usersTopic+"/id0", status.Retrying[0].Position)
		works.Store(true)
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
		p := begin(t, consume.Config{Concurrency: 3}, false, func(context.Context, string) error {
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
