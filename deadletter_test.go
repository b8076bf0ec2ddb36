package signalcast_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
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

func TestFailedMessageBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]memory.Fault{
		"not written":             {Err: failing.Err, Fate: signalcast.FateNotWritten},
		"written perhaps":         {Err: failing.Err},
		"written for all we know": {Err: failing.Err, Stored: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var outcomes []string
			s := openShop(t, []string{"orders", "mail"}, signalcast.WithDeadLetter("dead"), signalcast.WithTopicPrefix("prod"),
				signalcast.WithHooks(signalcast.Hooks{
					Delivered: func(m *signalcast.Message, _ signalcast.Receipt) { outcomes = append(outcomes, m.Topic) },
					Failed:    func(err *signalcast.DeliveryError) { outcomes = append(outcomes, "not "+err.Topic) },
				}))
			fault.Topic = "prod-orders"
			s.backend.Inject(fault)
			failure := deliveryError(t, s.send(t, order{Number: "17", Items: []string{"tea"}}))
			require.Equal(t, "prod-orders", failure.Topic, "the sender gets the failure")
			require.Equal(t, []string{"prod-mail", "not prod-orders", "prod-orders-dead"}, outcomes)

			dead := s.backend.Messages("prod-orders-dead")
			require.Len(t, dead, 1)
			moved := *failure.Message
			moved.Topic = "prod-orders-dead"
			require.Equal(t, &moved, dead[0], "nothing but the topic has changed")
			require.Equal(t, signalcast.Stats{Accepted: 3, Delivered: 2, Failed: 1, DeadLetters: 1}, s.dispatcher.Stats())
			require.Len(t, s.dispatcher.Routes(), 2, "the configured ones")
		})
	}
}

func TestDeadLetterIsAcceptedBeforeWaitReturns(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.backend.Hold()
	var delivery *signalcast.Delivery
	known := true // when the dead letter was offered
	spare := backend{publish: func(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
		select {
		case <-delivery.Done():
		default:
			known = false
		}
		done(signalcast.Receipt{}, nil)
		return nil
	}}
	d := s.dispatch(t, ordersTo("orders"), s.backend, signalcast.WithDeadLetter("dead"), signalcast.WithDeadLetterBackend(spare))
	s.backend.Inject(failing)
	delivery = s.sendAsync(t, order{})
	s.backend.Release()
	require.Error(t, delivery.Wait(t.Context()))
	require.NoError(t, d.Flush(t.Context()))
	require.False(t, known)
	require.Equal(t, int64(1), d.Stats().DeadLetters)
}

func TestEmptySuffixPublishesNoDeadLetters(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"}, signalcast.WithDeadLetter(""))
	s.backend.Inject(memory.Fault{Err: failing.Err})
	require.Error(t, s.send(t, order{}))
	require.Equal(t, signalcast.Stats{Accepted: 1, Failed: 1}, s.dispatcher.Stats())
}

func TestRejectedAndInvalidAreNotDeadLetters(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var offered []string
	d := s.dispatch(t, ordersTo("orders"), backend{
		publish: func(_ context.Context, m *signalcast.Message, _ func(signalcast.Receipt, error)) error {
			offered = append(offered, m.Topic)
			return signalcast.ErrTooLarge
		},
	}, signalcast.WithDeadLetter("dead"))
	require.ErrorIs(t, s.send(t, order{}), signalcast.ErrTooLarge)
	require.ErrorAs(t, s.send(t, order{Number: "\xff"}), new(*signalcast.EncodeError))
	require.Equal(t, []string{"orders"}, offered)
	require.Equal(t, signalcast.Stats{Rejected: 1, Invalid: 1}, d.Stats())
}

func TestFailedDeadLetterIsReportedOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		publish func(context.Context) error // of dead letters; nil takes them
		want    error
		stats   signalcast.Stats
	}{
		"when the destination fails it": {nil, failing.Err, signalcast.Stats{Accepted: 2, Failed: 2}},
		"when the backend rejects it": {
			func(context.Context) error { return signalcast.ErrTooLarge },
			signalcast.ErrTooLarge,
			signalcast.Stats{Accepted: 1, Failed: 1, Rejected: 1},
		},
		"when there is no room, without a wait": {
			func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			},
			signalcast.ErrBufferFull,
			signalcast.Stats{Accepted: 1, Failed: 1, Rejected: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failed []*signalcast.DeliveryError
			var log bytes.Buffer
			s := newShop(t)
			publish := func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				if m.Topic == "orders" || c.publish == nil {
					return s.backend.Publish(ctx, m, done)
				}
				return c.publish(ctx)
			}
			d := s.dispatch(t, ordersTo("orders"), backend{publish: publish}, signalcast.WithDeadLetter("dead"),
				signalcast.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
				signalcast.WithHooks(signalcast.Hooks{
					Failed:   func(err *signalcast.DeliveryError) { failed = append(failed, err) },
					Rejected: func(err *signalcast.DeliveryError) { failed = append(failed, err) },
				}))
			s.backend.Inject(memory.Fault{Err: failing.Err})
			require.Error(t, s.send(t, order{Number: "s3cret"}))
			require.Len(t, failed, 2)
			require.Equal(t, "orders", failed[0].Topic)
			require.Equal(t, "orders-dead", failed[1].Topic)
			require.ErrorIs(t, failed[1], c.want)
			require.Equal(t, failed[0].Message.Event, failed[1].Message.Event, "all there is to publish it again")
			require.Equal(t, c.stats, d.Stats())
			require.Contains(t, log.String(), "topic=orders-dead")
			require.NotContains(t, log.String(), "s3cret")
		})
	}
}

func TestFlushAndCloseWaitForDeadLetters(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*signalcast.Dispatcher, context.Context) error{
		"Flush": (*signalcast.Dispatcher).Flush, "Close": (*signalcast.Dispatcher).Close,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := openShop(t, []string{"orders"}, signalcast.WithDeadLetter("dead"))
				s.backend.Inject(memory.Fault{Topic: "orders", Delay: time.Minute, Err: failing.Err}, memory.Fault{Delay: time.Minute})
				start := time.Now()
				s.sendAsync(t, order{})
				require.NoError(t, end(s.dispatcher, t.Context()))
				require.Equal(t, 2*time.Minute, time.Since(start))
				require.Equal(t, signalcast.Stats{Accepted: 2, Delivered: 1, Failed: 1, DeadLetters: 1}, s.dispatcher.Stats())
			})
		})
	}
}

func TestCloseGivesUpDeadLettersWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults []memory.Fault
		want   signalcast.Stats
	}{
		"of messages that it gives up": {[]memory.Fault{{Delay: time.Hour}}, signalcast.Stats{Accepted: 1, Failed: 1, Rejected: 1}},
		"on their way":                 {[]memory.Fault{{Topic: "orders", Err: failing.Err}, {Delay: time.Hour}}, signalcast.Stats{Accepted: 2, Failed: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				var last error
				d := s.dispatch(t, ordersTo("orders"), s.backend, signalcast.WithDeadLetter("dead"),
					signalcast.WithHooks(signalcast.Hooks{
						Failed:   func(err *signalcast.DeliveryError) { last = err },
						Rejected: func(err *signalcast.DeliveryError) { last = err },
					}))
				s.backend.Inject(c.faults...)
				s.sendAsync(t, order{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				require.ErrorIs(t, d.Close(ctx), context.DeadlineExceeded)
				require.Equal(t, time.Second, time.Since(start))
				require.Equal(t, c.want, d.Stats())
				require.Equal(t, "orders-dead", deliveryError(t, last).Topic)
			})
		})
	}
}

func TestDeadLetterTopicsArePrepared(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	rejected := errors.New("no such topic")
	picky := backend{prepare: func(routes []signalcast.Route) error {
		i := slices.IndexFunc(routes, func(r signalcast.Route) bool { return r.Topic == "p-orders" })
		if i < 0 {
			return nil
		}
		dead := routes[i]
		dead.Topic = "p-orders-dead"
		require.Contains(t, routes, dead, "schemas and all")
		return rejected
	}}
	_, err := signalcast.NewDispatcher(t.Context(), s.registry, ordersTo("orders", "mail"), picky,
		signalcast.WithTopicPrefix("p"), signalcast.WithDeadLetter("dead"))
	require.ErrorIs(t, err, rejected)

	d := s.dispatch(t, ordersTo("mail"), picky, signalcast.WithTopicPrefix("p"), signalcast.WithDeadLetter("dead"))
	_, err = d.Reload(t.Context(), ordersTo("mail", "orders"))
	require.ErrorIs(t, err, rejected)
}

func TestDeadLettersMayHaveABackendOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.backend = memory.New(memory.WithBuffer(1, 0))
		spare := memory.New()
		d := s.dispatch(t, ordersTo("orders"), s.backend, signalcast.WithDeadLetter("dead"), signalcast.WithDeadLetterBackend(spare))
		s.backend.Inject(memory.Fault{Err: failing.Err})
		spare.Inject(memory.Fault{Delay: time.Minute})
		start := time.Now()
		s.sendAsync(t, order{Number: "1"})
		require.NoError(t, d.Flush(t.Context()))
		require.Equal(t, time.Minute, time.Since(start))
		s.sendAsync(t, order{Number: "2"})
		require.NoError(t, d.Close(t.Context()))
		require.Equal(t, 2*time.Minute, time.Since(start))
		require.Equal(t, []string{"orders-dead", "orders-dead"}, topicsOf(spare.Messages()))
		require.Empty(t, s.backend.Messages())
		require.Equal(t, signalcast.Stats{Accepted: 4, Delivered: 2, Failed: 2, DeadLetters: 2}, d.Stats())
	})
}

func TestDeadLetterBackendIsPreparedAndClosedLast(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var done []string
	var broken error
	logged := func(name string) backend {
		return backend{
			prepare: func(routes []signalcast.Route) error {
				for _, r := range routes {
					done = append(done, name+" checks "+r.Topic)
				}
				return broken
			},
			flush: func(context.Context) error { return broken },
			close: func(context.Context) error {
				done = append(done, name+" closes")
				return errors.New(name + " is broken")
			},
		}
	}
	d := s.dispatch(t, ordersTo("orders"), logged("own"), signalcast.WithDeadLetter("dead"), signalcast.WithDeadLetterBackend(logged("spare")))
	broken = errors.New("broken")
	done = nil
	_, err := d.Reload(t.Context(), ordersTo("orders"))
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "prepare dead-letter backend")
	require.ErrorContains(t, err, "prepare backend", "all of it at once")
	require.ErrorIs(t, d.Flush(t.Context()), broken)
	err = d.Close(t.Context())
	require.ErrorContains(t, err, "own is broken")
	require.ErrorContains(t, err, "spare is broken")
	require.Equal(t, []string{"spare checks orders-dead", "own checks orders", "own closes", "spare closes"}, done)

	_, err = signalcast.NewDispatcher(t.Context(), s.registry, nil, s.backend, signalcast.WithDeadLetterBackend(memory.New()))
	require.EqualError(t, err, "new dispatcher: WithDeadLetterBackend: found no WithDeadLetter; want its suffix for the topics")
}

func TestDeadLetterTopicMustNotBeConfigured(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]signalcast.DispatcherOption{
		"of the same backend":                           nil,
		"with a backend that may be on the same server": {signalcast.WithDeadLetterBackend(memory.New())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			config := ordersTo("a", "a-dead", "b")
			opts := append(opts, signalcast.WithDeadLetter("dead"))
			_, err := signalcast.NewDispatcher(t.Context(), s.registry, config, s.backend, opts...)
			require.EqualError(t, err, `event type "`+orderPlaced+`": dead letters of topic "a": found the configured topic "a-dead"; want a topic that is not configured`)

			config[orderPlaced]["a-dead"] = signalcast.TopicConfig{Keyless: new(true), Enabled: new(false)}
			_, err = signalcast.NewDispatcher(t.Context(), s.registry, config, s.backend, opts...)
			require.ErrorContains(t, err, "found the configured topic", "switching it on must not fail later")

			paid := signalcast.NewSignal[order]("org.example.order.paid.v1")
			require.NoError(t, s.registry.Register(paid))
			delete(config[orderPlaced], "a-dead")
			d := s.dispatch(t, config, s.backend, opts...)
			config[paid.EventType()] = ordersTo("a-dead", "b-dead")[orderPlaced]
			_, err = d.Reload(t.Context(), config)
			require.ErrorContains(t, err, `event type "`+orderPlaced+`": dead letters of topic "a": found the configured topic "a-dead"`, "of another event type")
			require.ErrorContains(t, err, `dead letters of topic "b": found the configured topic "b-dead"`)
		})
	}
}

func TestDeadLetterOutlivesItsRoute(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"}, signalcast.WithDeadLetter("dead"))
	s.backend.Hold()
	s.backend.Inject(memory.Fault{Topic: "orders", Err: failing.Err})
	s.sendAsync(t, order{})
	_, err := s.dispatcher.Reload(t.Context(), ordersTo("others"))
	require.NoError(t, err)
	s.backend.Release()
	require.Equal(t, []string{"orders-dead"}, topicsOf(s.backend.Messages()))
	require.Equal(t, signalcast.Stats{Accepted: 2, Delivered: 1, Failed: 1, DeadLetters: 1}, s.dispatcher.Stats())
}

func TestEveryFailedMessageHasOneDeadLetter(t *testing.T) {
	t.Parallel()
	const senders, events = 8, 200
	s := newShop(t)
	s.backend = memory.New(memory.WithBuffer(32, 0))
	var failed, failedDeadLetters, rejected atomic.Int64
	d := s.dispatch(t, ordersTo("a", "b"), s.backend, signalcast.WithDeadLetter("dead"), signalcast.WithHooks(signalcast.Hooks{
		Failed: func(err *signalcast.DeliveryError) {
			if err.Topic == "a" || err.Topic == "b" {
				failed.Add(1)
			} else {
				failedDeadLetters.Add(1) // the dead letter failed too
			}
		},
		Rejected: func(*signalcast.DeliveryError) { rejected.Add(1) },
	}))
	s.backend.Inject(
		memory.Fault{Topic: "a", Times: 300, Err: failing.Err},
		memory.Fault{Topic: "b", Times: 300, Err: failing.Err},
		memory.Fault{Topic: "a-dead", Times: 50, Err: failing.Err},
		memory.Fault{Topic: "b-dead", Times: 20, Delay: time.Millisecond},
	)
	var group, sampler sync.WaitGroup
	stop := make(chan struct{})
	sampler.Go(func() {
		for {
			now := d.Stats()
			if now.Accepted != now.Delivered+now.Failed+now.Pending || now.Pending < 0 {
				t.Errorf("the ledger does not hold: %+v", now)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	for sender := range senders {
		group.Go(func() {
			for range events {
				if _, err := s.placed.SendAsync(t.Context(), s.registry, order{Number: strconv.Itoa(sender)}); err != nil {
					t.Error(err)
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
	require.Equal(t, int64(600), failed.Load())
	require.Equal(t, rejected.Load(), stats.Rejected)
	require.Equal(t, failed.Load()+failedDeadLetters.Load(), stats.Failed)
	require.Equal(t, failed.Load(), stats.DeadLetters+failedDeadLetters.Load()+rejected.Load(), "one dead letter each")
	require.Len(t, s.backend.Messages("a-dead", "b-dead"), int(stats.DeadLetters))
	require.Equal(t, int64(2*senders*events)+stats.DeadLetters+failedDeadLetters.Load(), stats.Accepted)
}
