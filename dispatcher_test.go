package signalcast_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

func TestNewDispatcherRefuses(t *testing.T) {
	t.Parallel()
	unhappy := errors.New("topic name is too long")
	invalid := ordersTo("orders")
	invalid["org.example.order.plaecd.v1"] = invalid[orderPlaced]
	for name, c := range map[string]struct {
		change func(r *signalcast.Registry, c signalcast.ProducerConfig) (*signalcast.Registry, signalcast.ProducerConfig)
		b      signalcast.Backend
		opts   []signalcast.Option
		want   string
	}{
		"no registry": {
			func(_ *signalcast.Registry, c signalcast.ProducerConfig) (*signalcast.Registry, signalcast.ProducerConfig) {
				return nil, c
			},
			backend{}, nil, "registry is nil",
		},
		"no backend": {nil, nil, nil, "backend is nil"},
		"no codec":   {nil, backend{}, []signalcast.Option{signalcast.WithCodec(nil)}, "codec is nil"},
		"no logger":  {nil, backend{}, []signalcast.Option{signalcast.WithLogger(nil)}, "logger is nil"},
		"an event type that is not registered": {
			func(r *signalcast.Registry, _ signalcast.ProducerConfig) (*signalcast.Registry, signalcast.ProducerConfig) {
				return r, invalid
			},
			backend{}, nil, "org.example.order.plaecd.v1",
		},
		"a table that the backend refuses": {
			nil, backend{prepare: func([]signalcast.Route) error { return unhappy }}, nil, unhappy.Error(),
		},
		"a codec that cannot encode the data": {
			nil, backend{}, []signalcast.Option{signalcast.WithCodec(uncompilable{signalcast.Avro()})}, errUncompilable.Error(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			r, config := s.registry, ordersTo("orders")
			if c.change != nil {
				r, config = c.change(r, config)
			}
			if b, ok := c.b.(backend); ok {
				b.close = func(context.Context) error { t.Error("the backend remains the caller's"); return nil }
				c.b = b
			}
			d, err := signalcast.NewDispatcher(t.Context(), r, config, c.b, c.opts...)
			require.Nil(t, d)
			require.ErrorContains(t, err, c.want)
			require.ErrorIs(t, s.send(t, order{}), signalcast.ErrNoDispatcher, "nothing has changed")
		})
	}
}

func TestTheBackendIsShownTheCompleteTable(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var shown []signalcast.Route
	c := ordersTo("b", "a")
	c[orderPlaced]["c"] = signalcast.TopicConfig{Keyless: new(true), Enabled: new(false)}
	d := s.dispatch(t, c, backend{prepare: func(routes []signalcast.Route) error { shown = routes; return nil }},
		signalcast.WithTopicPrefix("dev"))
	require.Equal(t, d.Routes(), shown)
	shown[0].Topic = "mine now"

	routes := d.Routes()
	valueSchema, keySchema := routes[0].ValueSchema, routes[0].KeySchema
	require.Equal(t, []signalcast.Route{
		{EventType: orderPlaced, Topic: "dev-a", KeyField: "number", Enabled: true, ContentType: "application/avro", ValueSchema: valueSchema, KeySchema: keySchema},
		{EventType: orderPlaced, Topic: "dev-b", KeyField: "number", Enabled: true, ContentType: "application/avro", ValueSchema: valueSchema, KeySchema: keySchema},
		{EventType: orderPlaced, Topic: "dev-c", ContentType: "application/avro", ValueSchema: valueSchema},
	}, routes)
	require.Equal(t, orderPlaced+".CloudEvent", valueSchema.Name)
	require.Equal(t, signalcast.Schema{Name: "string", Text: `{"name": "number", "type": "string"}`}, *keySchema)
}

func TestMessagesCarryTheSchemasOfTheirRoutes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var messages []*signalcast.Message
	d := s.dispatch(t, ordersTo("a", "b"), backend{publish: func(_ context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
		messages = append(messages, m)
		done(signalcast.Receipt{}, nil)
		return nil
	}})
	require.NoError(t, s.send(t, order{}))
	for i, route := range d.Routes() {
		require.Same(t, route.ValueSchema, messages[i].Event.ValueSchema)
		require.Same(t, route.KeySchema, messages[i].KeySchema)
		require.Equal(t, route.ContentType, messages[i].Event.ContentType)
	}
	require.Same(t, messages[0].Event, messages[1].Event, "one envelope for all topics")
}

func TestAnEventGoesToEveryEnabledTopicInOrderOfTopics(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ prefix, want string }{
		"without a prefix":            {"", "a b c"},
		"with a prefix":               {"stage", "stage-a stage-b stage-c"},
		"with a prefix with a hyphen": {"stage-", "stage--a stage--b stage--c"},
		"with a blank prefix":         {" ", " -a  -b  -c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			config := ordersTo("c", "a", "b", "disabled")
			config[orderPlaced]["disabled"] = signalcast.TopicConfig{EventKeyField: new("number"), Enabled: new(false)}
			s.dispatch(t, config, s.backend, signalcast.WithTopicPrefix(c.prefix))
			for range 10 {
				s.backend.Reset()
				require.NoError(t, s.send(t, order{Number: "17"}))
				require.Equal(t, c.want, strings.Join(topicsOf(s.backend.Messages()), " "))
			}
		})
	}
}

func TestEachTopicHasItsOwnKey(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.dispatch(t, signalcast.ProducerConfig{orderPlaced: {
		"by-customer": {EventKeyField: new("customer.id"), Enabled: new(true)},
		"by-email":    {EventKeyField: new("customer.email"), Enabled: new(true)},
		"by-number":   {EventKeyField: new("number"), Enabled: new(true)},
		"keyless":     {Keyless: new(true), Enabled: new(true)},
	}}, s.backend)
	require.NoError(t, s.send(t, order{Number: "17", Customer: customer{ID: 3}}))
	m := s.backend.Messages()
	require.Equal(t, []byte{6}, m[0].Key, "Avro's 3")
	require.Equal(t, "long", m[0].KeySchema.Name)
	require.Equal(t, []byte{0}, m[1].Key, "an empty string")
	require.Equal(t, "\x0417", string(m[2].Key))
	require.Nil(t, m[3].Key)
	require.Nil(t, m[3].KeySchema)
}

func TestAConfigurationIsNotKept(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	c := ordersTo("orders")
	s.dispatch(t, c, s.backend)
	*c[orderPlaced]["orders"].Enabled = false
	*c[orderPlaced]["orders"].EventKeyField = "customer.email"
	delete(c, orderPlaced)
	require.NoError(t, s.send(t, order{Number: "17"}))
	require.Equal(t, "\x0417", string(s.backend.Messages()[0].Key))
}

func TestAnEventThatCannotBeEncodedIsRejected(t *testing.T) {
	t.Parallel()
	var rejected []error
	var log bytes.Buffer
	s := openShop(t, []string{"a", "b"},
		signalcast.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))),
		signalcast.WithHooks(signalcast.Hooks{Rejected: func(m signalcast.Metadata, err error) {
			require.Equal(t, orderPlaced, m.EventType)
			rejected = append(rejected, err)
		}}))
	calls := 0
	connect(t, s, func(context.Context, signalcast.Event[order]) error { calls++; return nil })
	bad := order{Number: "s3cret", Customer: customer{Email: "s3cret\xff"}}

	err := s.send(t, bad)
	var fault *signalcast.EncodeError
	require.ErrorAs(t, err, &fault)
	require.Equal(t, orderPlaced, fault.EventType)
	require.Equal(t, "customer.email", fault.Field)
	delivery, asyncErr := s.placed.SendAsync(t.Context(), s.registry, bad)
	require.Nil(t, delivery)
	require.Equal(t, err, asyncErr)

	require.Equal(t, []error{err, err}, rejected)
	require.Equal(t, signalcast.Stats{Rejected: 2}, s.dispatcher.Stats())
	require.Equal(t, 2, calls, "receivers get the event all the same")
	require.Empty(t, s.backend.Messages())
	require.Contains(t, log.String(), `"event rejected"`)
	require.NotContains(t, log.String()+err.Error(), "s3cret")
}

func TestTheLogTellsFailuresWithoutPayload(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := openShop(t, []string{"orders"}, signalcast.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))))
	require.NoError(t, s.send(t, order{Number: "s3cret"}))
	require.Empty(t, log.String())
	s.backend.Inject(failing)
	require.Error(t, s.send(t, order{Number: "s3cret"}))
	_, err := s.dispatcher.Reload(t.Context(), nil)
	require.NoError(t, err)
	for _, want := range []string{`"message not delivered"`, orderPlaced, `"topic":"orders"`, `"fate":"unknown"`, failing.Err.Error(), `"configuration reloaded"`, `"stopped":1`} {
		require.Contains(t, log.String(), want)
	}
	require.NotContains(t, log.String(), "s3cret")
}

func TestEveryDispatcherServesEveryEvent(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	first := s.dispatch(t, ordersTo("a"), backend{publish: refuse})
	second := s.dispatch(t, ordersTo("b"), s.backend, signalcast.WithTopicPrefix("second"), signalcast.WithCodec(signalcast.JSON()))
	third := s.dispatch(t, ordersTo("c"), memory.New())

	delivery := s.sendAsync(t, order{})
	err := delivery.Wait(t.Context())
	require.ErrorIs(t, err, signalcast.ErrBufferFull)
	require.Len(t, parts(err), 1)
	var topics []string
	for _, result := range delivery.Results() {
		topics = append(topics, result.Topic)
	}
	require.Equal(t, []string{"a", "second-b", "c"}, topics)
	require.Equal(t, "application/json", s.backend.Messages()[0].Event.ContentType)

	require.NoError(t, first.Close(t.Context()))
	delivery = s.sendAsync(t, order{})
	require.ErrorIs(t, delivery.Wait(t.Context()), signalcast.ErrClosed, "one of the three did not get the event")
	require.Len(t, delivery.Results(), 2)

	fourth := s.dispatch(t, nil, backend{})
	require.NoError(t, s.send(t, order{}), "it takes the place of the closed one")
	require.Equal(t, signalcast.Stats{Refused: 1}, first.Stats())
	require.Equal(t, signalcast.Stats{Accepted: 3, Delivered: 3}, second.Stats())
	require.Equal(t, signalcast.Stats{Accepted: 3, Delivered: 3}, third.Stats())
	require.Zero(t, fourth.Stats())
}

func TestOneDispatcherMayRejectWhatAnotherTakes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.dispatch(t, ordersTo("a"), backend{}, signalcast.WithCodec(&countingCodec{Codec: signalcast.Avro(), failKeys: true}))
	second := s.dispatch(t, ordersTo("b"), s.backend)
	require.ErrorIs(t, s.sendAsync(t, order{}).Wait(t.Context()), errUncompilable)
	require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1}, second.Stats())
}

func TestPlanIsWhatSendJSONPublishes(t *testing.T) {
	t.Parallel()
	id := signalcast.NewUUID()
	for name, opts := range map[string][]signalcast.SendOption{
		"without options": nil,
		"with metadata":   {signalcast.WithMetadata(received())},
		"from the bus":    {signalcast.FromBus(received())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, signalcast.WithIDs(func() signalcast.UUID { return id }))
			c := ordersTo("b", "a")
			c[orderPlaced]["keyless"] = signalcast.TopicConfig{Keyless: new(true), Enabled: new(true)}
			c[orderPlaced]["off"] = signalcast.TopicConfig{Keyless: new(true), Enabled: new(false)}
			d := s.dispatch(t, c, s.backend, signalcast.WithTopicPrefix("dev"))
			connect(t, s, func(context.Context, signalcast.Event[order]) error { t.Error("nothing is sent"); return nil })()
			opts := append([]signalcast.SendOption{signalcast.WithTime(noon)}, opts...)

			planned, err := d.Plan(orderPlaced, []byte(orderJSON), opts...)
			require.NoError(t, err)
			require.Empty(t, s.backend.Messages())
			require.Zero(t, d.Stats())
			require.NoError(t, s.registry.SendJSON(t.Context(), orderPlaced, []byte(orderJSON), opts...))
			require.Equal(t, s.backend.Messages(), planned)
		})
	}
}

func TestPlanReachesNobody(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	connect(t, s, func(context.Context, signalcast.Event[order]) error { t.Error("a receiver was called"); return nil })
	messages, err := s.dispatcher.Plan(orderPlaced, []byte(orderJSON))
	require.NoError(t, err)
	require.Len(t, messages, 1)
	require.Empty(t, s.backend.Messages())
}

func TestPlanFailsWhereSendJSONWould(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	for name, c := range map[string]struct {
		eventType, data string
		opts            []signalcast.SendOption
	}{
		"an unknown event type": {"org.example.unknown.v1", orderJSON, nil},
		"bad metadata":          {orderPlaced, orderJSON, []signalcast.SendOption{signalcast.WithTime(time.Time{})}},
		"bad data":              {orderPlaced, `{}`, nil},
	} {
		_, planned := s.dispatcher.Plan(c.eventType, []byte(c.data), c.opts...)
		sent := s.registry.SendJSON(t.Context(), c.eventType, []byte(c.data), c.opts...)
		require.Error(t, planned, name)
		require.Equal(t, sent, planned, name)
	}
	require.NoError(t, s.dispatcher.Close(t.Context()))
	_, err := s.dispatcher.Plan(orderPlaced, []byte(orderJSON))
	require.ErrorIs(t, err, signalcast.ErrClosed)
}

func TestFlushWaitsForWhatWasTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"a", "b"})
		s.backend.Inject(memory.Fault{Delay: time.Second})
		s.sendAsync(t, order{})
		require.Equal(t, int64(2), s.dispatcher.Stats().Pending)
		require.ErrorIs(t, s.dispatcher.Flush(ended(t)), context.Canceled)
		require.NoError(t, s.dispatcher.Flush(t.Context()))
		require.Equal(t, signalcast.Stats{Accepted: 2, Delivered: 2}, s.dispatcher.Stats())
	})
}

func TestCloseWaitsForWhatWasTakenAndClosesTheBackend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"orders"})
		s.backend.Inject(memory.Fault{Delay: time.Minute})
		d := s.sendAsync(t, order{})
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if err := s.dispatcher.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		require.ErrorIs(t, s.send(t, order{}), signalcast.ErrClosed, "closed from the beginning of Close")
		require.ErrorIs(t, s.dispatcher.Close(ended(t)), context.Canceled, "a later call waits only as long as it may")
		group.Wait()
		require.NoError(t, d.Wait(ended(t)))
		require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1}, s.dispatcher.Stats())
		require.ErrorIs(t, s.backend.Publish(t.Context(), s.backend.Messages()[0], nil), signalcast.ErrClosed)
		require.Len(t, s.dispatcher.Routes(), 1, "what it served can still be asked")
	})
}

func TestCloseGivesUpWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hooked *signalcast.DeliveryError
		s := openShop(t, []string{"orders"}, signalcast.WithHooks(signalcast.Hooks{
			Failed: func(err *signalcast.DeliveryError) { hooked = err },
		}))
		s.backend.Hold()
		d := s.sendAsync(t, order{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.dispatcher.Close(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "1 messages given up")
		require.Same(t, hooked, deliveryError(t, d.Wait(ended(t))), "each message has a fate when Close returns")
		require.Equal(t, signalcast.Stats{Accepted: 1, Failed: 1}, s.dispatcher.Stats())
		require.Equal(t, err, s.dispatcher.Close(t.Context()), "closing again answers the same")
	})
}

func TestAFinishedCloseIsNotFailedByAnEndedContext(t *testing.T) {
	t.Parallel()
	for range 50 { // select would choose at random
		s := openShop(t, []string{"orders"})
		require.NoError(t, s.dispatcher.Close(ended(t)), "there is nothing to wait for")
		require.NoError(t, s.dispatcher.Close(ended(t)))
	}
}

func TestTheBackendsErrorOfCloseAndFlushIsTold(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := newShop(t)
	closes := 0
	d := s.dispatch(t, nil, backend{
		flush: func(context.Context) error { return broken },
		close: func(context.Context) error { closes++; return broken },
	})
	require.ErrorIs(t, d.Flush(t.Context()), broken)
	require.ErrorIs(t, d.Close(t.Context()), broken)
	require.ErrorIs(t, d.Close(t.Context()), broken)
	require.Equal(t, 1, closes)
}

func TestABlockedSendIsEndedByClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.backend = memory.New(memory.WithBuffer(1, 0))
		d := s.dispatch(t, ordersTo("orders"), s.backend)
		s.backend.Hold()
		s.sendAsync(t, order{})
		blocked := make(chan error, 1)
		go func() { blocked <- s.send(t, order{}) }()
		synctest.Wait()
		require.ErrorIs(t, d.Close(ended(t)), context.Canceled)
		require.ErrorIs(t, <-blocked, signalcast.ErrClosed)
		require.Equal(t, signalcast.Stats{Accepted: 1, Failed: 1, Refused: 1}, d.Stats())
	})
}

func TestEventsOfOneGoroutineKeepTheirOrder(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"})
	s.backend.Inject(memory.Fault{Delay: time.Microsecond, Times: 50})
	for i := range 200 {
		s.sendAsync(t, order{Number: strconv.Itoa(i)})
	}
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	for _, topic := range []string{"a", "b"} {
		for i, m := range s.backend.Messages(topic) {
			require.Equal(t, strconv.Itoa(i), string(m.Key[1:])[:len(strconv.Itoa(i))])
		}
		require.Len(t, s.backend.Messages(topic), 200)
	}
}

// 16 goroutines send to a backend with every kind of fault.
func TestTheLedgerHoldsAtEveryMoment(t *testing.T) {
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
	var delivered, failed, rejected atomic.Int64
	d := s.dispatch(t, ordersTo("a", "b", "c"), s.backend, signalcast.WithHooks(signalcast.Hooks{
		Delivered: func(*signalcast.Message, signalcast.Receipt) { delivered.Add(1) },
		Failed:    func(*signalcast.DeliveryError) { failed.Add(1) },
		Rejected:  func(signalcast.Metadata, error) { rejected.Add(1) },
	}))
	s.backend.Inject(
		memory.Fault{Topic: "a", Times: 100, Err: failing.Err},
		memory.Fault{Topic: "b", Times: 100, Err: failing.Err, Stored: true},
		memory.Fault{Topic: "c", Times: 20, Delay: time.Millisecond},
	)
	const senders, events = 16, 300
	var results, refused atomic.Int64
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
						refused.Add(int64(len(parts(err))))
					}
					continue
				}
				for _, result := range delivery.Results() {
					if errors.Is(result.Err, signalcast.ErrBufferFull) {
						refused.Add(1)
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
	require.Equal(t, refused.Load(), stats.Refused)
	require.Equal(t, int64(3*senders*events*9/10), stats.Accepted+stats.Refused)
	require.Equal(t, int64(senders*events/10), stats.Rejected)
	require.Equal(t, delivered.Load(), stats.Delivered)
	require.Equal(t, failed.Load(), stats.Failed+stats.Refused)
	require.Equal(t, rejected.Load(), stats.Rejected)
	require.GreaterOrEqual(t, len(b.Messages()), int(stats.Delivered), "some acknowledgements were lost")
	require.LessOrEqual(t, len(b.Messages()), int(stats.Accepted))
}

func TestPendingIsTheBackendsCount(t *testing.T) {
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
