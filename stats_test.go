package signalcast_test

import (
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

func TestLedgerHoldsAtEveryMoment(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]memory.Option{
		"when a full buffer blocks":     {memory.WithBuffer(32, 0)},
		"when a full buffer fails fast": {memory.WithBuffer(32, 0), memory.FailFast()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkLedger(t, memory.New(options...))
		})
	}
}

func checkLedger(t *testing.T, b *memory.Backend) {
	t.Helper()
	s := newShop(t)
	s.backend = b
	var delivered, failed, rejected, invalid atomic.Int64
	d := s.dispatch(t, ordersTo("a", "b", "c"), s.backend, signalcast.WithHooks(signalcast.Hooks{
		Delivered: func(*signalcast.Message, signalcast.Receipt) { delivered.Add(1) },
		Failed:    func(*signalcast.DeliveryError) { failed.Add(1) },
		Rejected:  func(*signalcast.DeliveryError) { rejected.Add(1) },
		Invalid:   func(signalcast.Metadata, error) { invalid.Add(1) },
	}))
	s.backend.Inject(
		memory.Fault{Topic: "a", Times: 100, Err: failing.Err},
		memory.Fault{Topic: "b", Times: 100, Err: failing.Err, Stored: true},
		memory.Fault{Topic: "c", Times: 20, Delay: time.Millisecond},
	)
	const senders, events = 16, 300
	var results, rejectedResults atomic.Int64
	var group, sampler sync.WaitGroup
	stop := make(chan struct{})
	sampler.Go(func() {
		var before signalcast.Stats
		for {
			now := d.Stats()
			if now.Accepted != now.Delivered+now.Failed+now.Pending || now.Pending < 0 ||
				now.Accepted < before.Accepted || now.Delivered < before.Delivered || now.Failed < before.Failed {
				t.Errorf("the ledger does not hold: %+v after %+v", now, before)
			}
			before = now
			select {
			case <-stop:
				return
			default:
				runtime.Gosched()
			}
		}
	})
	for sender := range senders {
		group.Go(func() {
			for i := range events {
				data := order{Number: strconv.Itoa(sender)}
				if i%10 == 9 {
					data.Number = "\xff"
				}
				delivery, err := s.placed.SendAsync(t.Context(), s.registry, data)
				if err != nil {
					if errors.Is(err, signalcast.ErrBufferFull) {
						rejectedResults.Add(int64(len(parts(err))))
					}
					continue
				}
				for _, result := range delivery.Results() {
					if errors.Is(result.Err, signalcast.ErrBufferFull) {
						rejectedResults.Add(1)
					} else {
						results.Add(1)
					}
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, d.Flush(t.Context()))
	close(stop)
	sampler.Wait()

	stats := d.Stats()
	require.Zero(t, stats.Pending)
	require.Zero(t, s.backend.Unacknowledged())
	require.Equal(t, results.Load(), stats.Accepted)
	require.Equal(t, rejectedResults.Load(), stats.Rejected)
	require.Equal(t, int64(3*senders*events*9/10), stats.Accepted+stats.Rejected)
	require.Equal(t, int64(senders*events/10), stats.Invalid)
	require.Equal(t, delivered.Load(), stats.Delivered)
	require.Equal(t, failed.Load(), stats.Failed)
	require.Equal(t, rejected.Load(), stats.Rejected)
	require.Equal(t, invalid.Load(), stats.Invalid)
	require.GreaterOrEqual(t, len(b.Messages()), int(stats.Delivered), "some acknowledgements were lost")
	require.LessOrEqual(t, len(b.Messages()), int(stats.Accepted))
}

func TestHooksSeeTheirMessageInTheLedger(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]time.Duration{"within Send": 0, "later": time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var seen []signalcast.Stats
				var s *shop
				s = openShop(t, []string{"orders"}, signalcast.WithHooks(signalcast.Hooks{
					Delivered: func(*signalcast.Message, signalcast.Receipt) { seen = append(seen, s.dispatcher.Stats()) },
					Failed:    func(*signalcast.DeliveryError) { seen = append(seen, s.dispatcher.Stats()) },
				}))
				s.backend.Inject(memory.Fault{Delay: delay, Times: 1}, memory.Fault{Delay: delay, Err: failing.Err})
				require.NoError(t, s.send(t, order{}))
				require.Error(t, s.send(t, order{}))
				require.Equal(t, []signalcast.Stats{{Accepted: 1, Delivered: 1}, {Accepted: 2, Delivered: 1, Failed: 1}}, seen)
			})
		})
	}
}

func TestPendingEqualsTheCountOfTheBackend(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"})
	s.backend.Hold()
	for i := range 10 {
		s.sendAsync(t, order{})
		require.Equal(t, int64(2*i+2), s.dispatcher.Stats().Pending)
		require.Equal(t, 2*i+2, s.backend.Unacknowledged())
	}
	s.backend.Release()
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	require.Zero(t, s.dispatcher.Stats().Pending)
	require.Zero(t, s.backend.Unacknowledged())
}

func TestRouteStatsAddUpToStats(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"}, signalcast.WithDeadLetter("dead"))
	s.backend.Inject(memory.Fault{Topic: "b", Err: failing.Err})
	require.Error(t, s.send(t, order{}))
	require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{Topic: "a", Reason: "test"}))
	require.Error(t, s.send(t, order{}))
	_, err := s.dispatcher.Reload(t.Context(), ordersTo("c"))
	require.NoError(t, err)
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []signalcast.RouteStats{
		{EventType: orderPlaced, Topic: "a", Accepted: 1, Delivered: 1, Suppressed: 1},
		{EventType: orderPlaced, Topic: "a-dead", DeadLetter: true},
		{EventType: orderPlaced, Topic: "b", Accepted: 2, Failed: 2},
		{EventType: orderPlaced, Topic: "b-dead", DeadLetter: true, Accepted: 2, Delivered: 2},
		{EventType: orderPlaced, Topic: "c", Accepted: 1, Delivered: 1},
		{EventType: orderPlaced, Topic: "c-dead", DeadLetter: true},
	}, s.dispatcher.RouteStats())
	require.Equal(t, signalcast.Stats{Accepted: 6, Delivered: 4, Failed: 2, Suppressed: 1, DeadLetters: 2}, s.dispatcher.Stats())
}

func TestRejectedReloadAddsNoRouteStats(t *testing.T) {
	t.Parallel()
	unhappy := false
	s := newShop(t)
	d := s.dispatch(t, ordersTo("a"), backend{prepare: func([]signalcast.Route) error {
		if unhappy {
			return failing.Err
		}
		return nil
	}})
	unhappy = true
	_, err := d.Reload(t.Context(), ordersTo("b"))
	require.ErrorIs(t, err, failing.Err)
	require.Len(t, d.RouteStats(), 1)
}

func TestUnroutedEventsAreCounted(t *testing.T) {
	t.Parallel()
	local := newShop(t, signalcast.LocalOnly())
	require.NoError(t, local.send(t, order{}))
	require.Empty(t, local.registry.Unrouted(), "events that are meant to stay in the process")

	s := openShop(t, nil)
	require.Empty(t, s.registry.Unrouted())
	require.NoError(t, s.send(t, order{}))
	require.NoError(t, s.send(t, order{}, signalcast.WithTime(noon)))
	require.NoError(t, s.send(t, order{}, signalcast.FromBus(signalcast.Metadata{
		ID: signalcast.NewUUID(), EventType: orderPlaced, Time: noon, SourceLib: "1.2.3",
	})))
	require.Equal(t, map[string]int64{orderPlaced: 2}, s.registry.Unrouted())

	s.dispatch(t, ordersTo("orders"), memory.New())
	require.NoError(t, s.send(t, order{}), "one of two dispatchers publishes it")
	require.Equal(t, map[string]int64{orderPlaced: 2}, s.registry.Unrouted())
}
