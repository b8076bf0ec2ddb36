package signalcast_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// order is the event data of most tests.
type order struct {
	Number   string   `avro:"number"`
	Customer customer `avro:"customer"`
	Items    []string `avro:"items"`
	Note     *string  `avro:"note"`
}

type customer struct {
	ID    int64  `avro:"id"`
	Email string `avro:"email"`
}

const orderPlaced = "org.example.order.placed.v1"

// shop is a service under test: a registry with one signal, and a dispatcher over a memory backend.
type shop struct {
	registry   *signalcast.Registry
	placed     *signalcast.Signal[order]
	backend    *memory.Backend
	dispatcher *signalcast.Dispatcher
}

// openShop returns a shop that publishes orders to topics.
func openShop(t *testing.T, topics []string, opts ...signalcast.DispatcherOption) *shop {
	t.Helper()
	s := newShop(t)
	s.dispatcher = s.dispatch(t, ordersTo(topics...), s.backend, opts...)
	return s
}

// newShop returns a shop without a dispatcher.
func newShop(t *testing.T, opts ...signalcast.RegistryOption) *shop {
	t.Helper()
	s := &shop{
		registry: signalcast.NewRegistry(opts...),
		placed:   signalcast.NewSignal[order](orderPlaced, signalcast.WithMinorVersion(2)),
		backend:  memory.New(),
	}
	require.NoError(t, s.registry.Register(s.placed))
	return s
}

// dispatch attaches one more dispatcher, which is closed at the end of the test.
func (s *shop) dispatch(t *testing.T, c signalcast.ProducerConfig, b signalcast.Backend, opts ...signalcast.DispatcherOption) *signalcast.Dispatcher {
	t.Helper()
	d, err := signalcast.NewDispatcher(t.Context(), s.registry, c, b, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(ended(t)) })
	return d
}

func (s *shop) send(t *testing.T, data order, opts ...signalcast.SendOption) error {
	t.Helper()
	return s.placed.Send(t.Context(), s.registry, data, opts...)
}

func (s *shop) sendAsync(t *testing.T, data order, opts ...signalcast.SendOption) *signalcast.Delivery {
	t.Helper()
	d, err := s.placed.SendAsync(t.Context(), s.registry, data, opts...)
	require.NoError(t, err)
	return d
}

// ordersTo is a configuration that publishes orders, keyed by number, to topics.
func ordersTo(topics ...string) signalcast.ProducerConfig {
	settings := map[string]signalcast.TopicConfig{}
	for _, topic := range topics {
		settings[topic] = signalcast.TopicConfig{EventKeyField: new("number"), Enabled: new(true)}
	}
	return signalcast.ProducerConfig{orderPlaced: settings}
}

// ended returns a context that is cancelled already.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cancel()
	return ctx
}

// backend is a backend made of functions. Those left nil do nothing, and
// publish acknowledges at once.
type backend struct {
	prepare func(routes []signalcast.Route) error
	publish func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error
	flush   func(ctx context.Context) error
	close   func(ctx context.Context) error
}

var _ signalcast.Backend = backend{}

func (b backend) Prepare(_ context.Context, routes []signalcast.Route) error {
	if b.prepare == nil {
		return nil
	}
	return b.prepare(routes)
}

func (b backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if b.publish == nil {
		done(signalcast.Receipt{}, nil)
		return nil
	}
	return b.publish(ctx, m, done)
}

func (b backend) Flush(ctx context.Context) error {
	if b.flush == nil {
		return nil
	}
	return b.flush(ctx)
}

func (b backend) Close(ctx context.Context) error {
	if b.close == nil {
		return nil
	}
	return b.close(ctx)
}

// topicsOf returns the topics of messages, in their order.
func topicsOf(messages []*signalcast.Message) []string {
	topics := make([]string, 0, len(messages))
	for _, m := range messages {
		topics = append(topics, m.Topic)
	}
	return topics
}

// deliveryError returns the one *DeliveryError that err is or wraps.
func deliveryError(t *testing.T, err error) *signalcast.DeliveryError {
	t.Helper()
	failure, ok := errors.AsType[*signalcast.DeliveryError](err)
	require.True(t, ok, "%v is no *DeliveryError", err)
	return failure
}

// parts returns the errors that err joins, or err alone.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// reject is a Publish without room.
func reject(context.Context, *signalcast.Message, func(signalcast.Receipt, error)) error {
	return signalcast.ErrBufferFull
}

var (
	failing = memory.Fault{Err: errors.New("destination is away")}
	noon    = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)
