package backendkit_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

func take(t *testing.T, b *backendkit.Buffer, size int64) backendkit.Room {
	t.Helper()
	p, err := b.Acquire(t.Context(), size)
	require.NoError(t, err)
	return p
}

func TestRoomIsBoundedInMessagesAndBytes(t *testing.T) {
	t.Parallel()
	b := backendkit.NewBuffer(2, 10, true)
	first := take(t, b, 4)
	_, err := b.Acquire(t.Context(), 7)
	require.ErrorIs(t, err, signalcast.ErrBufferFull, "bytes")
	take(t, b, 1)
	_, err = b.Acquire(t.Context(), 1)
	require.ErrorIs(t, err, signalcast.ErrBufferFull, "messages")
	_, err = b.Acquire(t.Context(), 11)
	require.ErrorIs(t, err, signalcast.ErrTooLarge)
	require.Equal(t, 2, b.Len())
	b.Release(first)
	take(t, b, 9)
}

func TestRoomIsGivenInTheOrderOfAsking(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := backendkit.NewBuffer(10, 10, false)
		held := take(t, b, 9)
		order := make(chan int64, 2)
		for _, size := range []int64{8, 1} { // the second would fit at once
			go func() {
				order <- size
				if _, err := b.Acquire(context.Background(), size); err == nil {
					order <- size
				}
			}()
			synctest.Wait()
			require.Equal(t, size, <-order)
		}
		require.Empty(t, order, "a later call does not overtake")
		b.Release(held)
		synctest.Wait()
		require.Len(t, order, 2)
	})
}

func TestWhoGivesUpLetsTheNextPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := backendkit.NewBuffer(10, 10, false)
		take(t, b, 9)
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, 2)
		go func() { _, err := b.Acquire(ctx, 8); results <- err }()
		synctest.Wait()
		go func() { _, err := b.Acquire(context.Background(), 1); results <- err }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-results, context.Canceled)
		require.NoError(t, <-results)
	})
}

func TestRoomIsTriedBeforeTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := backendkit.NewBuffer(1, 10, false)
	_, err := b.Acquire(ctx, 1)
	require.NoError(t, err)
	_, err = b.Acquire(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
}

func TestFlushCoversMessagesAcceptedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := backendkit.NewBuffer(10, 10, false)
		require.NoError(t, b.Flush(t.Context()), "nothing was taken")
		before := take(t, b, 1)
		flushed := make(chan error, 1)
		go func() { flushed <- b.Flush(context.Background()) }()
		synctest.Wait()
		after := take(t, b, 1)
		require.Empty(t, flushed)
		b.Release(before)
		require.NoError(t, <-flushed)
		b.Release(after)
		require.Zero(t, b.Len())
	})
}

func TestCloseRejectsWhoAsksAndWhoWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := backendkit.NewBuffer(1, 10, false)
		held := take(t, b, 1)
		result := make(chan error, 1)
		go func() { _, err := b.Acquire(context.Background(), 1); result <- err }()
		synctest.Wait()
		b.Close()
		require.ErrorIs(t, <-result, signalcast.ErrClosed)
		_, err := b.Acquire(t.Context(), 1)
		require.ErrorIs(t, err, signalcast.ErrClosed)
		b.Release(held)
		require.NoError(t, b.Flush(t.Context()))
	})
}

func TestRoomThatIsGivenTogetherIsForAllWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := backendkit.NewBuffer(10, 10, false)
		held := []backendkit.Room{take(t, b, 4), take(t, b, 6)}
		flushed, taken := make(chan error, 1), make(chan error, 2)
		go func() { flushed <- b.Flush(context.Background()) }()
		synctest.Wait()
		for range 2 {
			go func() { _, err := b.Acquire(context.Background(), 5); taken <- err }()
		}
		synctest.Wait()
		require.Empty(t, taken)
		b.ReleaseAll(slices.Values(held))
		require.NoError(t, <-flushed)
		require.NoError(t, <-taken)
		require.NoError(t, <-taken)
		require.Equal(t, 2, b.Len())
	})
}
