package signalcast_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// outboxStub keeps the topics of stored messages.
type outboxStub struct {
	err      error
	prepared []signalcast.Route

	mu     sync.Mutex
	stored []string
}

func (o *outboxStub) Prepare(_ context.Context, routes []signalcast.Route) error {
	o.prepared = routes
	return o.err
}

func (o *outboxStub) Insert(_ context.Context, messages []*signalcast.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.stored = append(o.stored, topicsOf(messages)...)
	}
	return o.err
}

// openModes returns a shop with one topic for each mode, named after it.
func openModes(t *testing.T, o *outboxStub, opts ...signalcast.DispatcherOption) *shop {
	t.Helper()
	s := newShop(t)
	c := ordersTo("immediate", "on-commit", "outbox")
	for topic, settings := range c[orderPlaced] {
		settings.Mode = new(signalcast.Mode(topic))
		c[orderPlaced][topic] = settings
	}
	s.dispatcher = s.dispatch(t, c, s.backend, append(opts, signalcast.WithOutbox(o))...)
	return s
}

func TestModesOutsideAUnit(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o)
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"immediate", "on-commit"}, topicsOf(s.backend.Messages()))
	require.Equal(t, []string{"outbox"}, o.stored)
	require.Equal(t, signalcast.Stats{Accepted: 2, Delivered: 2, Stored: 1}, s.dispatcher.Stats())
	require.Len(t, o.prepared, 1)
	require.Equal(t, signalcast.ModeOutbox, o.prepared[0].Mode)
}

func TestUnitThatIsCommitted(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o)
	ctx, unit := signalcast.NewUnit(t.Context(), o)
	delivery, err := s.placed.SendAsync(ctx, s.registry, order{Number: "1"})
	require.NoError(t, err)
	require.NoError(t, delivery.Wait(ctx), "the messages are held")
	require.NoError(t, s.placed.Send(ctx, s.registry, order{Number: "2"}))
	require.Equal(t, []string{"immediate", "immediate"}, topicsOf(s.backend.Messages()))
	require.Equal(t, signalcast.Stats{Accepted: 2, Delivered: 2, Held: 4}, s.dispatcher.Stats())
	require.Equal(t, signalcast.FatePending, deliveryError(t, delivery.Results()[1].Err).Fate)

	messages := unit.Seal()
	require.Equal(t, []string{"outbox", "outbox"}, topicsOf(messages))
	require.ErrorIs(t, s.placed.Send(ctx, s.registry, order{Number: "late"}), signalcast.ErrUnitEnded)
	require.NoError(t, unit.End(nil))
	require.NoError(t, delivery.Wait(t.Context()))
	for _, r := range delivery.Results() {
		require.NoError(t, r.Err)
	}
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	require.Equal(t, []string{"on-commit", "on-commit"}, topicsOf(s.backend.Messages("on-commit")))
	require.Empty(t, o.stored, "the store has the messages of Seal")
	require.Equal(t, signalcast.Stats{Accepted: 5, Delivered: 5, Rejected: 2, Stored: 2}, s.dispatcher.Stats())
	require.ErrorIs(t, unit.End(nil), signalcast.ErrUnitEnded)
}

func TestUnitThatIsRolledBack(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	rejected := 0
	s := openModes(t, o, signalcast.WithDeadLetter("dead"), signalcast.WithHooks(signalcast.Hooks{Rejected: func(*signalcast.DeliveryError) { rejected++ }}))
	ctx, unit := signalcast.NewUnit(t.Context(), o)
	delivery, err := s.placed.SendAsync(ctx, s.registry, order{})
	require.NoError(t, err)
	require.NoError(t, unit.End(errors.New("no seat")))
	err = delivery.Wait(t.Context())
	require.ErrorIs(t, err, signalcast.ErrRolledBack)
	require.NotContains(t, err.Error(), "no seat", "the error of a transaction may hold data")
	for _, r := range delivery.Results()[1:] {
		require.Equal(t, signalcast.FateNotWritten, deliveryError(t, r.Err).Fate)
	}
	require.Equal(t, []string{"immediate"}, topicsOf(s.backend.Messages()))
	require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1, Withdrawn: 2}, s.dispatcher.Stats())
	require.Zero(t, rejected, "a rollback is no failure")
}

func TestUnitWhoseCommitIsUnknown(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o)
	ctx, unit := signalcast.NewUnit(t.Context(), o)
	delivery, err := s.placed.SendAsync(ctx, s.registry, order{})
	require.NoError(t, err)
	unit.Seal()
	require.NoError(t, unit.End(errors.Join(errors.New("connection reset"), signalcast.ErrCommitUnknown)))
	require.ErrorIs(t, delivery.Wait(t.Context()), signalcast.ErrCommitUnknown)
	for _, r := range delivery.Results()[1:] {
		require.Equal(t, signalcast.FateUnknown, deliveryError(t, r.Err).Fate)
	}
	require.Equal(t, []string{"immediate"}, topicsOf(s.backend.Messages()))
	require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1, Rejected: 2}, s.dispatcher.Stats())
}

func TestRollbackToASavepoint(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o)
	ctx, unit := signalcast.NewUnit(t.Context(), o)
	require.NoError(t, s.placed.Send(ctx, s.registry, order{Number: "kept"}))
	savepoint := unit.Savepoint()
	require.NoError(t, s.placed.Send(ctx, s.registry, order{Number: "withdrawn"}))
	unit.RollbackTo(savepoint)
	unit.RollbackTo(savepoint)
	messages := unit.Seal()
	require.Len(t, messages, 1)
	require.Equal(t, "\x08kept", string(messages[0].Key))
	require.NoError(t, unit.End(nil))
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	require.Len(t, s.backend.Messages("on-commit"), 1)
	require.Equal(t, signalcast.Stats{Accepted: 3, Delivered: 3, Stored: 1, Withdrawn: 2}, s.dispatcher.Stats())
}

func TestUnitIsBounded(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o)
	ctx, unit := signalcast.NewUnit(t.Context(), o)
	large := order{Note: new(strings.Repeat("x", 20<<20))}
	require.NoError(t, s.placed.Send(ctx, s.registry, large))
	err := s.placed.Send(ctx, s.registry, large) // two messages of 20 MiB each
	require.ErrorIs(t, err, signalcast.ErrTooLarge)
	require.ErrorContains(t, err, "unit of work of more than 67108864 bytes: message is too large")
	require.NoError(t, unit.End(errors.New("rolled back by the caller")))

	ctx, unit = signalcast.NewUnit(t.Context(), o)
	for range signalcast.MaxUnitMessages / 2 {
		require.NoError(t, s.placed.Send(ctx, s.registry, order{}))
	}
	err = s.placed.Send(ctx, s.registry, order{})
	require.ErrorIs(t, err, signalcast.ErrTooLarge)
	require.ErrorContains(t, err, "unit of work of 10001 messages: message is too large")
	require.Len(t, unit.Seal(), signalcast.MaxUnitMessages/2)
	require.NoError(t, unit.End(nil))
}

func TestUnitOfAnotherOutbox(t *testing.T) {
	t.Parallel()
	s := openModes(t, &outboxStub{})
	for _, other := range []signalcast.Outbox{nil, &outboxStub{}} {
		ctx, unit := signalcast.NewUnit(t.Context(), other)
		err := s.placed.Send(ctx, s.registry, order{})
		require.ErrorIs(t, err, signalcast.ErrOutboxMismatch)
		require.Equal(t, "outbox", deliveryError(t, err).Topic)
		require.NoError(t, unit.End(nil))
	}
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	require.Len(t, s.backend.Messages("on-commit"), 2, "mode on-commit needs no outbox")
}

func TestUnitThatIsCommittedWithoutItsMessages(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o)
	ctx, unit := signalcast.NewUnit(t.Context(), o)
	delivery, err := s.placed.SendAsync(ctx, s.registry, order{})
	require.NoError(t, err)
	require.ErrorIs(t, unit.End(nil), signalcast.ErrNotStored)
	require.ErrorIs(t, delivery.Wait(t.Context()), signalcast.ErrNotStored)
}

func TestUnitThatNeverEndsIsFoundByTheGarbageCollector(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o)
	ctx, _ := signalcast.NewUnit(t.Context(), o)
	delivery, err := s.placed.SendAsync(ctx, s.registry, order{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		runtime.GC()
		return s.dispatcher.Stats().Held == 0
	}, 10*time.Second, time.Millisecond)
	err = delivery.Wait(t.Context())
	require.ErrorIs(t, err, signalcast.ErrCommitUnknown)
	require.ErrorContains(t, err, "unit of work was never ended")
}

func TestWaitInAUnitWaitsForImmediateMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outboxStub{}
		s := openModes(t, o)
		s.backend.Inject(memory.Fault{Topic: "immediate", Delay: time.Minute})
		ctx, unit := signalcast.NewUnit(t.Context(), o)
		start := time.Now()
		require.NoError(t, s.placed.Send(ctx, s.registry, order{}))
		require.Equal(t, time.Minute, time.Since(start))
		require.NoError(t, unit.End(errors.New("rolled back")))
	})
}

func TestDoneWaitsForHeldMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outboxStub{}
		s := openModes(t, o)
		s.backend.Inject(memory.Fault{Topic: "immediate", Delay: time.Minute})
		ctx, unit := signalcast.NewUnit(t.Context(), o)
		delivery, err := s.placed.SendAsync(ctx, s.registry, order{})
		require.NoError(t, err)
		done := delivery.Done()
		require.NoError(t, delivery.Wait(ctx), "the immediate message is delivered")
		select {
		case <-done:
			t.Fatal("Done is closed while the unit holds messages")
		default:
		}
		require.NoError(t, unit.End(errors.New("rolled back")))
		<-done
	})
}

func TestSwitchStopsMessagesThatAUnitHolds(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a"})
	ctx, unit := signalcast.NewUnit(t.Context(), nil)
	require.NoError(t, s.placed.Send(ctx, s.registry, order{}))
	require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{Reason: "incident 7"}))
	require.NoError(t, unit.End(nil))
	require.Empty(t, s.backend.Messages())
	require.Equal(t, signalcast.Stats{Suppressed: 1}, s.dispatcher.Stats())
}

func TestUnitThatEndsAfterCloseOfTheDispatcher(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o)
	ctx, unit := signalcast.NewUnit(t.Context(), o)
	delivery, err := s.placed.SendAsync(ctx, s.registry, order{})
	require.NoError(t, err)
	require.NoError(t, s.dispatcher.Flush(t.Context()), "Flush does not wait for the unit")
	require.NoError(t, s.dispatcher.Close(t.Context()))
	require.Equal(t, int64(2), s.dispatcher.Stats().Held)
	unit.Seal()
	require.NoError(t, unit.End(nil))
	err = delivery.Wait(t.Context())
	require.ErrorIs(t, err, signalcast.ErrClosed)
	require.Equal(t, "on-commit", deliveryError(t, err).Topic, "the row of mode outbox is stored")
	require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1, Rejected: 1, Stored: 1}, s.dispatcher.Stats())
}

func TestMessageOfAUnitThatFailsBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o, signalcast.WithDeadLetter("dead"))
	require.Len(t, o.prepared, 1, "the outbox stores no dead letters")
	ctx, unit := signalcast.NewUnit(t.Context(), o)
	require.NoError(t, s.placed.Send(ctx, s.registry, order{}))
	s.backend.Inject(memory.Fault{Topic: "on-commit", Err: errors.New("timed out")})
	unit.Seal()
	require.NoError(t, unit.End(nil))
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	require.Equal(t, []string{"immediate", "on-commit-dead"}, topicsOf(s.backend.Messages()))
}

func TestStoreThatFailsRejectsTheMessage(t *testing.T) {
	t.Parallel()
	for fate, failure := range map[signalcast.Fate]error{
		signalcast.FateNotWritten: errors.New("disk full"),
		signalcast.FateUnknown:    signalcast.ErrCommitUnknown,
	} {
		o := &outboxStub{}
		s := openModes(t, o)
		o.err = failure
		err := s.send(t, order{})
		require.ErrorIs(t, err, failure)
		require.Equal(t, fate, deliveryError(t, err).Fate)
		require.Equal(t, signalcast.Stats{Accepted: 2, Delivered: 2, Rejected: 1}, s.dispatcher.Stats())
	}
}

func TestModeOutboxNeedsAnOutbox(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, err := signalcast.NewDispatcher(t.Context(), s.registry, ordersTo("a"), s.backend, signalcast.WithDefaultMode(signalcast.ModeOutbox))
	var invalid *signalcast.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, signalcast.CodeNoOutbox, invalid.Problems[0].Code)
	require.EqualError(t, err, "org.example.order.placed.v1 → a → mode: found mode outbox in a service without an outbox; want another mode, or the option WithOutbox")

	_, err = signalcast.NewDispatcher(t.Context(), s.registry, ordersTo("a"), s.backend, signalcast.WithDefaultMode("later"))
	require.EqualError(t, err, "new dispatcher: WithDefaultMode: found later; want immediate, on-commit or outbox")

	away := errors.New("database is away")
	_, err = signalcast.NewDispatcher(t.Context(), s.registry, ordersTo("a"), s.backend,
		signalcast.WithDefaultMode(signalcast.ModeOutbox), signalcast.WithOutbox(&outboxStub{err: away}))
	require.ErrorIs(t, err, away)
	require.EqualError(t, err, "prepare outbox: database is away")
}

func TestReloadReportsRoutesWhoseModeChanged(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"})
	c := ordersTo("a", "b")
	settings := c[orderPlaced]["b"]
	settings.Mode = new(signalcast.ModeImmediate)
	c[orderPlaced]["b"] = settings
	ctx, unit := signalcast.NewUnit(t.Context(), nil)
	require.NoError(t, s.placed.Send(ctx, s.registry, order{}))
	change, err := s.dispatcher.Reload(t.Context(), c)
	require.NoError(t, err)
	require.Empty(t, change.Rekeyed)
	require.Len(t, change.Moved, 1)
	require.Equal(t, "b", change.Moved[0].Topic)
	require.Equal(t, signalcast.ModeImmediate, change.Moved[0].Mode)
	require.Empty(t, s.backend.Messages(), "a message keeps the mode that it was sent with")
	require.NoError(t, s.placed.Send(ctx, s.registry, order{}))
	require.Len(t, s.backend.Messages("b"), 1)
	require.NoError(t, unit.End(nil))
}

func TestUnitHoldsTheLedgerUnderConcurrency(t *testing.T) {
	t.Parallel()
	o := &outboxStub{}
	s := openModes(t, o)
	const senders, units = 8, 50
	var sending sync.WaitGroup
	for n := range senders {
		sending.Go(func() {
			for i := range units {
				ctx, unit := signalcast.NewUnit(t.Context(), o)
				var inside sync.WaitGroup
				for range 3 {
					inside.Go(func() { _ = s.placed.Send(ctx, s.registry, order{}) })
				}
				if i%3 == 0 { // while events are being sent
					_ = unit.End(errors.New("rolled back"))
				}
				inside.Wait()
				unit.Seal()
				if (n+i)%2 == 0 {
					_ = unit.End(nil)
				} else {
					_ = unit.End(signalcast.ErrCommitUnknown)
				}
			}
		})
	}
	sending.Wait()
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	stats := s.dispatcher.Stats()
	require.Zero(t, stats.Held)
	require.Equal(t, int64(senders*units*3*3), stats.Accepted+stats.Rejected+stats.Stored+stats.Withdrawn)
}
