package signalcast_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

func TestNewDispatcherRejectsInvalidArguments(t *testing.T) {
	t.Parallel()
	unhappy := errors.New("topic name is too long")
	invalid := ordersTo("orders")
	invalid["org.example.order.plaecd.v1"] = invalid[orderPlaced]
	for name, c := range map[string]struct {
		change func(r *signalcast.Registry, c signalcast.ProducerConfig) (*signalcast.Registry, signalcast.ProducerConfig)
		b      signalcast.Backend
		opts   []signalcast.DispatcherOption
		want   string
	}{
		"no registry": {
			func(_ *signalcast.Registry, c signalcast.ProducerConfig) (*signalcast.Registry, signalcast.ProducerConfig) {
				return nil, c
			},
			backend{},
			nil, "nil registry",
		},
		"no backend": {nil, nil, nil, "nil backend"},
		"no codec":   {nil, backend{}, []signalcast.DispatcherOption{signalcast.WithCodec(nil)}, "WithCodec: found nil"},
		"no logger":  {nil, backend{}, []signalcast.DispatcherOption{signalcast.WithLogger(nil)}, "WithLogger: found nil"},
		"an event type that is not registered": {
			func(r *signalcast.Registry, _ signalcast.ProducerConfig) (*signalcast.Registry, signalcast.ProducerConfig) {
				return r, invalid
			},
			backend{},
			nil, "org.example.order.plaecd.v1",
		},
		"a table that the backend rejects": {
			nil, backend{prepare: func([]signalcast.Route) error { return unhappy }}, nil, unhappy.Error(),
		},
		"a codec that cannot encode the data": {
			nil, backend{}, []signalcast.DispatcherOption{signalcast.WithCodec(uncompilable{signalcast.Avro()})}, errUncompilable.Error(),
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

func TestNewDispatcherRejectsInvalidRegistryOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opt  signalcast.RegistryOption
		want string
	}{
		"no library version":        {signalcast.WithSourceLib(""), "sourcelib"},
		"a negative version":        {signalcast.WithSourceLib("1.-1"), "sourcelib"},
		"a source of invalid UTF-8": {signalcast.WithSource("\xff"), "source"},
		"a host of invalid UTF-8":   {signalcast.WithSourceHost("\xff"), "sourcehost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := signalcast.NewDispatcher(t.Context(), newShop(t, c.opt).registry, nil, backend{})
			require.ErrorContains(t, err, "metadata."+c.want)
		})
	}
}

func TestPrepareGetsTheCompleteRouteTable(t *testing.T) {
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
		{EventType: orderPlaced, Topic: "dev-a", KeyPath: "number", Enabled: true, Mode: signalcast.ModeOnCommit, ContentType: "application/avro", ValueSchema: valueSchema, KeySchema: keySchema},
		{EventType: orderPlaced, Topic: "dev-b", KeyPath: "number", Enabled: true, Mode: signalcast.ModeOnCommit, ContentType: "application/avro", ValueSchema: valueSchema, KeySchema: keySchema},
		{EventType: orderPlaced, Topic: "dev-c", Mode: signalcast.ModeOnCommit, ContentType: "application/avro", ValueSchema: valueSchema},
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

func TestEventGoesToEveryEnabledTopicInOrderOfTopics(t *testing.T) {
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

func TestDispatcherDoesNotKeepTheConfiguration(t *testing.T) {
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

func TestEventThatCannotBeEncodedIsInvalid(t *testing.T) {
	t.Parallel()
	var rejected []error
	var log bytes.Buffer
	s := openShop(t, []string{"a", "b"},
		signalcast.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))),
		signalcast.WithHooks(signalcast.Hooks{Invalid: func(m signalcast.Metadata, err error) {
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
	require.Equal(t, "customer.email", fault.Fields[0].Path)
	delivery, asyncErr := s.placed.SendAsync(t.Context(), s.registry, bad)
	require.Nil(t, delivery)
	require.Equal(t, err, asyncErr)

	require.Equal(t, []error{err, err}, rejected)
	require.Equal(t, signalcast.Stats{Invalid: 2}, s.dispatcher.Stats())
	require.Equal(t, 2, calls, "receivers get the event all the same")
	require.Empty(t, s.backend.Messages())
	require.Contains(t, log.String(), `"event invalid"`)
	require.NoError(t, s.dispatcher.Close(t.Context()))
	require.Contains(t, log.String(), `"level":"WARN","msg":"dispatcher closed","accepted":0,"delivered":0,"failed":0,"rejected":0,"invalid":2}`)
	require.NotContains(t, log.String()+err.Error(), "s3cret")
}

func TestLogHasFailuresWithoutEventData(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := openShop(t, []string{"orders"}, signalcast.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))))
	log.Reset()
	require.NoError(t, s.send(t, order{Number: "s3cret"}))
	require.Empty(t, log.String())
	s.backend.Inject(failing)
	require.Error(t, s.send(t, order{Number: "s3cret"}))
	_, err := s.dispatcher.Reload(t.Context(), ordersTo("others"))
	require.NoError(t, err)
	require.NoError(t, s.dispatcher.Close(t.Context()))
	require.Contains(t, log.String(), `"level":"WARN","msg":"dispatcher closed","accepted":2,"delivered":1,"failed":1,"rejected":0,"invalid":0}`)
	for _, want := range []string{`"message not delivered"`, orderPlaced, `"topic":"orders"`, `"fate":"unknown"`, failing.Err.Error(), `"configuration reloaded"`, `"stopped":["` + orderPlaced + ` to orders"]`} {
		require.Contains(t, log.String(), want)
	}
	require.NotContains(t, log.String(), "s3cret")
}

func TestEveryDispatcherPublishesEveryEvent(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	first := s.dispatch(t, ordersTo("a"), backend{publish: reject})
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
	require.NoError(t, delivery.Wait(t.Context()), "a closed dispatcher does not count beside open ones")
	require.Len(t, delivery.Results(), 2)

	fourth := s.dispatch(t, nil, backend{})
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, signalcast.Stats{Rejected: 1}, first.Stats())
	require.Equal(t, signalcast.Stats{Accepted: 3, Delivered: 3}, second.Stats())
	require.Equal(t, signalcast.Stats{Accepted: 3, Delivered: 3}, third.Stats())
	require.Zero(t, fourth.Stats())
}

func TestOneDispatcherPublishesIfTheCodecOfAnotherFails(t *testing.T) {
	t.Parallel()
	type reading struct {
		Degrees float64 `avro:"degrees"`
	}
	s := newShop(t)
	read := signalcast.NewSignal[reading]("org.example.sensor.read.v1")
	require.NoError(t, s.registry.Register(read))
	config := signalcast.ProducerConfig{read.EventType(): {"readings": {Keyless: new(true), Enabled: new(true)}}}
	s.dispatch(t, config, backend{}, signalcast.WithCodec(signalcast.JSON()))
	s.dispatch(t, config, s.backend)
	delivery, err := read.SendAsync(t.Context(), s.registry, reading{math.NaN()})
	require.NoError(t, err, "the event is on its way")
	require.ErrorAs(t, delivery.Wait(t.Context()), new(*signalcast.EncodeError))
	require.Len(t, delivery.Results(), 1)
	require.Equal(t, []string{"readings"}, topicsOf(s.backend.Messages()))
}

func TestOneDispatcherAcceptsWhatAnotherRejects(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.dispatch(t, ordersTo("a"), backend{}, signalcast.WithCodec(&countingCodec{Codec: signalcast.Avro(), failKeys: true}))
	second := s.dispatch(t, ordersTo("b"), s.backend)
	require.ErrorIs(t, s.sendAsync(t, order{}).Wait(t.Context()), errUncompilable)
	require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1}, second.Stats())
}

// 16 goroutines send to a backend with every kind of fault.

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
