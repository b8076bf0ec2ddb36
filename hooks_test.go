package signalcast_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// countingHooks returns hooks that add their name to calls.
func countingHooks(calls map[string]int) signalcast.Hooks {
	return signalcast.Hooks{
		Delivered: func(*signalcast.Message, signalcast.Receipt) { calls["Delivered"]++ },
		Failed:    func(*signalcast.DeliveryError) { calls["Failed"]++ },
		Rejected:  func(*signalcast.DeliveryError) { calls["Rejected"]++ },
		Invalid:   func(signalcast.Metadata, error) { calls["Invalid"]++ },
		Reloaded:  func(signalcast.Change) { calls["Reloaded"]++ },
	}
}

// panickingHooks returns hooks that panic with event data.
func panickingHooks() signalcast.Hooks {
	return signalcast.Hooks{
		Delivered: func(*signalcast.Message, signalcast.Receipt) { panic("s3cret") },
		Failed:    func(*signalcast.DeliveryError) { panic("s3cret") },
		Rejected:  func(*signalcast.DeliveryError) { panic("s3cret") },
		Invalid:   func(signalcast.Metadata, error) { panic("s3cret") },
		Reloaded:  func(signalcast.Change) { panic("s3cret") },
	}
}

// exerciseHooks makes every hook of d be called once.
func exerciseHooks(t *testing.T, s *shop, d *signalcast.Dispatcher) {
	t.Helper()
	s.backend.Inject(memory.Fault{Err: failing.Err, Times: 1})
	require.Error(t, s.send(t, order{}))                           // Failed
	require.NoError(t, s.send(t, order{}))                         // Delivered
	require.Error(t, s.send(t, order{Number: "\xff"}))             // Invalid
	require.Error(t, s.send(t, order{Items: make([]string, 100)})) // Rejected
	_, err := d.Reload(t.Context(), ordersTo("orders", "more"))    // Reloaded
	require.NoError(t, err)
}

func TestEveryHookOfEverySetIsCalled(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.backend = memory.New(memory.WithBuffer(10, 100))
	first, second := map[string]int{}, map[string]int{}
	d := s.dispatch(t, ordersTo("orders"), s.backend,
		signalcast.WithHooks(countingHooks(first)), signalcast.WithHooks(signalcast.Hooks{}), signalcast.WithHooks(countingHooks(second)))
	exerciseHooks(t, s, d)
	want := map[string]int{"Delivered": 1, "Failed": 1, "Rejected": 1, "Invalid": 1, "Reloaded": 1}
	require.Equal(t, want, first)
	require.Equal(t, want, second)
	require.Equal(t, signalcast.Stats{Accepted: 2, Delivered: 1, Failed: 1, Rejected: 1, Invalid: 1}, d.Stats())
}

func TestHookPanicIsRecovered(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.backend = memory.New(memory.WithBuffer(10, 100))
	var log bytes.Buffer
	calls := map[string]int{}
	d := s.dispatch(t, ordersTo("orders"), s.backend, signalcast.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))),
		signalcast.WithHooks(panickingHooks()), signalcast.WithHooks(countingHooks(calls)))
	exerciseHooks(t, s, d)
	require.Len(t, calls, 5, "the other hooks are called")
	require.Equal(t, int64(5), d.Stats().Panics)
	require.Equal(t, 5, bytes.Count(log.Bytes(), []byte(`"msg":"hook panicked"`)))
	require.NotContains(t, log.String(), "s3cret")
}

// panickingHandler is a log handler with a fault.
type panickingHandler struct{ slog.Handler }

func (panickingHandler) Enabled(context.Context, slog.Level) bool { return true }

func (panickingHandler) Handle(context.Context, slog.Record) error { panic("handler") }

func TestLogHandlerPanicIsRecovered(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	calls := map[string]int{}
	d := s.dispatch(t, ordersTo("orders"), s.backend, signalcast.WithLogger(slog.New(panickingHandler{})),
		signalcast.WithHooks(countingHooks(calls)))
	s.backend.Inject(memory.Fault{Err: failing.Err, Times: 1})
	require.ErrorIs(t, s.send(t, order{}), failing.Err)
	require.NoError(t, d.Close(t.Context()))
	require.Equal(t, map[string]int{"Failed": 1}, calls)
	require.Equal(t, int64(3), d.Stats().Panics, "the start, the failure and the closing")
}

// loggingBackend is a backend with the optional method UseLogger.
type loggingBackend struct {
	backend
	log *[]*slog.Logger
}

func (b loggingBackend) UseLogger(l *slog.Logger) { *b.log = append(*b.log, l) }

func TestBackendGetsTheLoggerOfTheDispatcher(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var got []*slog.Logger
	var out bytes.Buffer
	prepared := 0
	b := loggingBackend{backend{prepare: func([]signalcast.Route) error { prepared = len(got); return nil }}, &got}
	s.dispatch(t, ordersTo("orders"), b, signalcast.WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	require.Equal(t, 1, prepared, "before Prepare")
	got[0].InfoContext(t.Context(), "from the backend")
	require.Contains(t, out.String(), "from the backend")
}

func TestZeroOptionsHaveNoEffect(t *testing.T) {
	t.Parallel()
	signal := signalcast.NewSignal[order](orderPlaced, signalcast.SignalOption{})
	r := signalcast.NewRegistry(signalcast.RegistryOption{}, signalcast.LocalOnly())
	require.NoError(t, r.Register(signal))
	b := memory.New()
	d, err := signalcast.NewDispatcher(t.Context(), r, ordersTo("orders"), b, signalcast.DispatcherOption{})
	require.NoError(t, err)
	require.NoError(t, signal.Send(t.Context(), r, order{}, signalcast.SendOption{}))
	require.Len(t, b.Messages(), 1)
	require.NoError(t, d.Close(t.Context()))
}

func TestHookPanicReleasesWaiters(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{"delivered": nil, "failed": failing.Err} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				var dead []string
				d := s.dispatch(t, ordersTo("a"), backend{
					publish: func(_ context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
						if m.Topic != "a" {
							dead = append(dead, m.Topic)
							done(signalcast.Receipt{}, nil)
							return nil
						}
						go func() {
							defer func() { _ = recover() }() // as a client that guards its callbacks
							done(signalcast.Receipt{}, fault)
						}()
						return nil
					},
				}, signalcast.WithDeadLetter("dead"), signalcast.WithHooks(signalcast.Hooks{
					Delivered: func(m *signalcast.Message, _ signalcast.Receipt) {
						if m.Topic == "a" {
							panic("hook is broken")
						}
					},
					Failed: func(*signalcast.DeliveryError) { panic("hook is broken") },
				}))
				require.ErrorIs(t, s.send(t, order{}), fault)
				require.Equal(t, d.Stats().Failed, int64(len(dead)), "what failed is a dead letter all the same")
			})
		})
	}
}
