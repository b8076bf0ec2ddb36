package closing_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/closing"
)

func TestOneCallRunsAndTheOthersReturnTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var once closing.Once
		broken, goOn, runs := errors.New("broken"), make(chan struct{}), 0
		results := make(chan error, 3)
		for range cap(results) {
			go func() {
				results <- once.Do(context.Background(), func() error {
					runs++
					<-goOn
					return broken
				})
			}()
		}
		synctest.Wait()
		require.Empty(t, results)
		close(goOn)
		for range cap(results) {
			require.Equal(t, broken, <-results)
		}
		require.Equal(t, 1, runs)
	})
}

func TestEndedContextEndsTheWaitForTheFirstCallOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		var once closing.Once
		goOn, first := make(chan struct{}), make(chan error, 1)
		go func() { first <- once.Do(ended, func() error { <-goOn; return nil }) }()
		synctest.Wait()
		require.ErrorIs(t, once.Do(ended, nil), context.Canceled)
		close(goOn)
		require.NoError(t, <-first, "its context is for f to look at")
		for range 50 { // select would choose at random
			require.NoError(t, once.Do(ended, nil), "it has ended")
		}
	})
}
