package memory_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

func message(topic, key string) *signalcast.Message {
	return &signalcast.Message{
		Topic: topic,
		Key:   []byte(key),
		Event: &signalcast.Envelope{
			Metadata: signalcast.Metadata{EventType: "org.example.happened.v1", SourceLib: "1.2"},
			Value:    []byte("value of " + key),
		},
	}
}

// outcome is what done was called with.
type outcome struct {
	receipt signalcast.Receipt
	err     error
}

// publish returns a channel of the outcomes of one message.
func publish(t *testing.T, b *memory.Backend, m *signalcast.Message) <-chan outcome {
	t.Helper()
	outcomes := make(chan outcome, 2)
	require.NoError(t, b.Publish(t.Context(), m, func(r signalcast.Receipt, err error) { outcomes <- outcome{r, err} }))
	return outcomes
}

func ignore(signalcast.Receipt, error) {}

func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func keys(messages []*signalcast.Message) []string {
	found := make([]string, 0, len(messages))
	for _, m := range messages {
		found = append(found, string(m.Key))
	}
	return found
}

func fate(t *testing.T, err error) signalcast.Fate {
	t.Helper()
	failure, ok := errors.AsType[*signalcast.DeliveryError](err)
	require.True(t, ok, "%v is no *DeliveryError", err)
	return failure.Fate
}

func TestMessagesAreInTheOrderOfStoring(t *testing.T) {
	t.Parallel()
	b := memory.New()
	require.Equal(t, "1", (<-publish(t, b, message("users", "a"))).receipt.ID)
	publish(t, b, message("courses", "b"))
	publish(t, b, message("users", "c"))

	require.Equal(t, []string{"a", "b", "c"}, keys(b.Messages()))
	require.Equal(t, []string{"a", "c"}, keys(b.Messages("users")))
	require.Equal(t, []string{"a", "b", "c"}, keys(b.Messages("users", "courses")))
	require.Empty(t, b.Messages("unknown"))

	b.Reset()
	require.Empty(t, b.Messages())
	require.Equal(t, "4", (<-publish(t, b, message("users", "d"))).receipt.ID, "receipts do not start again")
}

func TestRecordedMessageIsACopy(t *testing.T) {
	t.Parallel()
	b := memory.New()
	m := message("users", "a")
	publish(t, b, m)
	m.Key[0], m.Event.Value[0] = 'x', 'x'
	m.Event.Source = "somewhere else"

	require.Equal(t, message("users", "a"), b.Messages()[0])
}

func TestEmptyKeyDiffersFromNoKey(t *testing.T) {
	t.Parallel()
	b := memory.New()
	m := message("users", "")
	publish(t, b, m)
	m.Key = nil
	publish(t, b, m)

	require.NotNil(t, b.Messages()[0].Key)
	require.Nil(t, b.Messages()[1].Key)
}

func TestFaultDecidesTheOutcome(t *testing.T) {
	t.Parallel()
	broken := errors.New("broker away")
	for name, c := range map[string]struct {
		fault  memory.Fault
		fate   signalcast.Fate
		stored bool
	}{
		"an error leaves the fate unknown":           {memory.Fault{Err: broken}, signalcast.FateUnknown, false},
		"an error may say that nothing was written":  {memory.Fault{Err: broken, Fate: signalcast.FateNotWritten}, signalcast.FateNotWritten, false},
		"a lost acknowledgement stores the message":  {memory.Fault{Err: broken, Stored: true}, signalcast.FateUnknown, true},
		"a stored message is never called unwritten": {memory.Fault{Err: broken, Stored: true, Fate: signalcast.FateNotWritten}, signalcast.FateUnknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := memory.New()
			b.Inject(c.fault)
			got := <-publish(t, b, message("users", "a"))
			require.ErrorIs(t, got.err, broken)
			require.Equal(t, c.fate, fate(t, got.err))
			require.Equal(t, c.stored, len(b.Messages()) == 1)

			b.Heal()
			require.NoError(t, (<-publish(t, b, message("users", "b"))).err)
		})
	}
}

func TestFaultsArePlayedInOrder(t *testing.T) {
	t.Parallel()
	first, second := errors.New("first"), errors.New("second")
	b := memory.New()
	b.Inject(
		memory.Fault{Topic: "users", Times: 2, Err: first},
		memory.Fault{Times: 1, Err: second},
	)
	send := func(topic string) error { return (<-publish(t, b, message(topic, "a"))).err }

	require.ErrorIs(t, send("users"), first)
	require.ErrorIs(t, send("courses"), second, "the first fault is for another topic")
	require.NoError(t, send("courses"))
	require.ErrorIs(t, send("users"), first)
	require.NoError(t, send("users"))
}

func TestSlowBrokerHandlesOneMessageAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New()
		b.Inject(memory.Fault{Delay: time.Second})
		start := time.Now()
		first, second := publish(t, b, message("users", "a")), publish(t, b, message("users", "b"))
		require.Equal(t, 2, b.Unacknowledged())

		require.NoError(t, (<-first).err)
		require.Equal(t, time.Second, time.Since(start))
		require.NoError(t, (<-second).err)
		require.Equal(t, 2*time.Second, time.Since(start))
		require.NoError(t, b.Close(t.Context()))
	})
}

func TestHealEndsADelay(t *testing.T) {
	t.Parallel()
	b := memory.New()
	b.Inject(memory.Fault{Delay: time.Hour})
	first, second := publish(t, b, message("users", "a")), publish(t, b, message("users", "b"))
	b.Heal()
	require.NoError(t, (<-first).err)
	require.NoError(t, (<-second).err)
	require.Equal(t, []string{"a", "b"}, keys(b.Messages()))
}

func TestHeldMessagesWaitForRelease(t *testing.T) {
	t.Parallel()
	for name, release := range map[string]func(*memory.Backend){
		"release": (*memory.Backend).Release,
		"heal":    (*memory.Backend).Heal,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := memory.New()
			b.Hold()
			publish(t, b, message("users", "a"))
			require.Equal(t, 1, b.Unacknowledged())
			require.Empty(t, b.Messages())
			require.ErrorIs(t, b.Flush(ended(t)), context.Canceled)

			release(b)
			require.NoError(t, b.Flush(t.Context()))
			require.Equal(t, 0, b.Unacknowledged())
			require.Equal(t, []string{"a"}, keys(b.Messages()))
		})
	}
}

func TestFullBufferBlocksOrFails(t *testing.T) {
	t.Parallel()
	t.Run("waits for room", func(t *testing.T) {
		t.Parallel()
		b := memory.New(memory.WithBuffer(1, 0))
		b.Hold()
		publish(t, b, message("users", "a"))
		require.ErrorIs(t, b.Publish(ended(t), message("users", "b"), ignore), context.Canceled)

		taken := make(chan error)
		go func() { taken <- b.Publish(context.Background(), message("users", "c"), ignore) }()
		b.Release()
		require.NoError(t, <-taken)
		require.Equal(t, []string{"a", "c"}, keys(b.Messages()))
	})
	t.Run("fails fast if configured", func(t *testing.T) {
		t.Parallel()
		b := memory.New(memory.WithBuffer(1, 0), memory.FailFast())
		b.Hold()
		publish(t, b, message("users", "a"))
		require.ErrorIs(t, b.Publish(t.Context(), message("users", "b"), ignore), signalcast.ErrBufferFull)
	})
	t.Run("counts the bytes of keys and values", func(t *testing.T) {
		t.Parallel()
		one := len("a") + len("value of a")
		b := memory.New(memory.WithBuffer(0, 2*one), memory.FailFast())
		b.Hold()
		publish(t, b, message("users", "a"))
		publish(t, b, message("users", "b"))
		require.ErrorIs(t, b.Publish(t.Context(), message("users", "c"), ignore), signalcast.ErrBufferFull)
		b.Release()
		publish(t, b, message("users", "c"))
	})
	t.Run("rejects messages larger than the buffer", func(t *testing.T) {
		t.Parallel()
		b := memory.New(memory.WithBuffer(0, 5))
		err := b.Publish(t.Context(), message("users", "a"), ignore)
		require.ErrorIs(t, err, signalcast.ErrTooLarge)
		require.ErrorContains(t, err, "key and value of 11 bytes")
	})
}

func TestCloseGivesUpWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	for name, stall := range map[string]func(*memory.Backend){
		"held messages":    (*memory.Backend).Hold,
		"delayed messages": func(b *memory.Backend) { b.Inject(memory.Fault{Delay: time.Hour}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := memory.New()
			stall(b)
			outcomes := publish(t, b, message("users", "a"))
			err := b.Close(ended(t))
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorContains(t, err, "gave up 1 messages")
			require.Equal(t, signalcast.FateNotWritten, fate(t, (<-outcomes).err))
			require.Equal(t, 0, b.Unacknowledged())
			require.Equal(t, err, b.Close(t.Context()), "the second call returns the same error")

			b.Release()
			require.Empty(t, b.Messages())
		})
	}
}

func TestWaitReturnsWhenTheConditionIsTrue(t *testing.T) {
	t.Parallel()
	b := memory.New()
	stored := func(n int) func() bool { return func() bool { return len(b.Messages("users")) >= n } }
	go func() {
		for _, key := range []string{"a", "b", "c"} {
			_ = b.Publish(context.Background(), message("users", key), ignore)
		}
	}()
	require.NoError(t, b.Wait(t.Context(), stored(3)))
	require.NoError(t, b.Wait(ended(t), stored(3)), "a condition that is true needs no time")

	err := b.Wait(ended(t), stored(4))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "3 messages stored and 0 unacknowledged")
}

func TestFlushWaitsUntilDoneHasReturned(t *testing.T) {
	t.Parallel()
	b := memory.New()
	running, finish := make(chan struct{}), make(chan struct{})
	go func() {
		_ = b.Publish(context.Background(), message("users", "a"), func(signalcast.Receipt, error) {
			close(running)
			<-finish
		})
	}()
	<-running
	publish(t, b, message("users", "b"))
	require.Equal(t, 1, b.Unacknowledged())
	require.ErrorIs(t, b.Flush(ended(t)), context.Canceled)
	close(finish)
	require.NoError(t, b.Flush(t.Context()))
	require.Equal(t, 0, b.Unacknowledged())
}

// A hook is part of done, and a test's assertion in a hook ends its goroutine.
func TestBackendContinuesAfterDoneThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"panics": func() { panic("hook is broken") }, "ends its goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := memory.New()
			alone := func(call func()) {
				over := make(chan struct{})
				go func() {
					defer close(over)
					defer func() { _ = recover() }()
					call()
				}()
				<-over
			}
			bad := func(signalcast.Receipt, error) { end() }
			alone(func() { _ = b.Publish(t.Context(), message("users", "a"), bad) })
			require.Zero(t, b.Unacknowledged())

			b.Hold()
			require.NoError(t, b.Publish(t.Context(), message("users", "b"), bad))
			outcomes := publish(t, b, message("users", "c"))
			require.NoError(t, b.Publish(t.Context(), message("users", "d"), bad))
			alone(b.Release)
			require.NoError(t, (<-outcomes).err, "the next message is completed")
			require.NoError(t, b.Close(t.Context()))
			require.Equal(t, []string{"a", "b", "c", "d"}, keys(b.Messages()))
		})
	}
}
