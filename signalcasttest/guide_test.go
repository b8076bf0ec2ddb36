package signalcasttest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
	consumememory "github.com/signalcast/signalcast/consume/memory"
	consumeredis "github.com/signalcast/signalcast/consume/redis"
	outboxmemory "github.com/signalcast/signalcast/outbox/memory"
	"github.com/signalcast/signalcast/signalcasttest"
)

// The code of docs/testing.md. The service that it tests comes first.

type Order struct {
	Number   string `avro:"number"`
	Customer string `avro:"customer"`
}

var OrderPlaced = signalcast.NewSignal[Order]("org.example.order.placed.v1")

func NewRegistry() (*signalcast.Registry, error) {
	registry := signalcast.NewRegistry(signalcast.WithSource("example/orders/web"))
	return registry, registry.Register(OrderPlaced)
}

func placeOrder(ctx context.Context, r *signalcast.Registry, o Order) error {
	if o.Number == "" {
		return errors.New("number: missing")
	}
	return OrderPlaced.Send(ctx, r, o)
}

// newBus has the registry and the configuration of the service, and no broker.
func newBus(t *testing.T) *signalcasttest.Bus {
	t.Helper()
	registry, err := NewRegistry()
	require.NoError(t, err)
	loaded, err := configfile.Load(registry, configfile.File("testdata/producer.json"))
	require.NoError(t, err)
	return signalcasttest.Attach(t, registry, loaded.Merged, signalcast.WithTopicPrefix("test"))
}

func TestOrderIsPublished(t *testing.T) {
	t.Parallel()
	bus := newBus(t)
	require.NoError(t, placeOrder(t.Context(), bus.Registry, Order{Number: "A-1", Customer: "ada"}))

	bus.RequirePublished(t, "test-orders", "ada") // topic and key
	event := signalcasttest.RequireEvent(t, bus, OrderPlaced)
	require.Equal(t, "A-1", event.Data.Number)
}

func TestOrderWithoutNumberIsNotPublished(t *testing.T) {
	t.Parallel()
	bus := newBus(t)
	require.Error(t, placeOrder(t.Context(), bus.Registry, Order{Customer: "ada"}))
	bus.RequireNothingPublished(t)
}

func TestOrderFailsWithTheBroker(t *testing.T) {
	t.Parallel()
	bus := newBus(t)
	bus.Backend.Inject(memory.Fault{Times: 1, Err: errors.New("disk full"), Fate: signalcast.FateNotWritten})

	err := placeOrder(t.Context(), bus.Registry, Order{Number: "A-1", Customer: "ada"})
	failure, ok := errors.AsType[*signalcast.DeliveryError](err)
	require.True(t, ok)
	require.Equal(t, signalcast.FateNotWritten, failure.Fate) // safe to send again
	bus.RequireNothingPublished(t)
}

func TestOrderDoesNotWaitForeverForTheBroker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // in a bubble, the 5 s pass at once
		bus := newBus(t)
		bus.Backend.Hold()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()

		err := placeOrder(ctx, bus.Registry, Order{Number: "A-1", Customer: "ada"})
		failure, ok := errors.AsType[*signalcast.DeliveryError](err)
		require.True(t, ok)
		require.Equal(t, signalcast.FatePending, failure.Fate) // it may still be published

		bus.Backend.Release()
		bus.RequirePublished(t, "test-orders", "ada")
	})
}

// newReceiver returns a registry whose receiver reports the number of each order.
func newReceiver(t *testing.T) (*signalcast.Registry, <-chan string) {
	t.Helper()
	registry, err := NewRegistry()
	require.NoError(t, err)
	numbers := make(chan string, 10)
	_, err = OrderPlaced.Connect(registry, func(_ context.Context, e signalcast.Event[Order]) error {
		if e.Data.Number == "" {
			return fmt.Errorf("number: missing: %w", consume.ErrPermanent)
		}
		numbers <- e.Data.Number
		return nil
	})
	require.NoError(t, err)
	return registry, numbers
}

// run runs a consumer until the test ends.
func run(t *testing.T, registry *signalcast.Registry, source consume.Source) {
	t.Helper()
	consumer, err := consume.New(registry, source, consume.Config{})
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(t.Context()) }()
	t.Cleanup(func() { require.NoError(t, <-ended) })
}

func TestOrderIsReceived(t *testing.T) {
	t.Parallel()
	bus := newBus(t) // of the service that sends
	registry, numbers := newReceiver(t)
	source := consumememory.NewSource(bus.Backend, "mails", "test-orders")
	run(t, registry, source)

	require.NoError(t, OrderPlaced.Send(t.Context(), bus.Registry, Order{Number: "A-1", Customer: "ada"}))
	require.NoError(t, OrderPlaced.Send(t.Context(), bus.Registry, Order{Customer: "ada"}))
	require.NoError(t, source.Wait(t.Context())) // until both are handled
	require.Equal(t, "A-1", <-numbers)
	require.Len(t, bus.Backend.Messages("test-orders-mails-dead"), 1)
}

func TestRolledBackOrderIsNotPublished(t *testing.T) {
	t.Parallel()
	registry, err := NewRegistry()
	require.NoError(t, err)
	store := outboxmemory.New()
	bus := signalcasttest.Attach(t, registry, signalcast.ProducerConfig{
		OrderPlaced.EventType(): {"orders": {
			EventKeyField: new("customer"), Enabled: new(true), Mode: new(signalcast.ModeOutbox),
		}},
	}, signalcast.WithOutbox(store))

	declined := errors.New("card declined")
	err = store.InTx(t.Context(), func(ctx context.Context) error {
		require.NoError(t, placeOrder(ctx, bus.Registry, Order{Number: "A-1", Customer: "ada"}))
		return declined
	})
	require.ErrorIs(t, err, declined)
	status, err := store.Status(t.Context())
	require.NoError(t, err)
	require.Zero(t, status.Pending)
}

func TestSchemasAreCompatible(t *testing.T) {
	t.Parallel()
	registry, err := NewRegistry()
	require.NoError(t, err)
	signalcasttest.RequireCompatible(t, registry, "testdata/schemas.json")
}

func TestOrderCrossesRedis(t *testing.T) {
	t.Parallel()
	server := redis.Config{URL: "redis://" + miniredis.RunT(t).Addr()} // or a real server
	receiver, numbers := newReceiver(t)
	source, err := consumeredis.New(consumeredis.Config{Server: server, Group: "mails", Topics: []string{"test-orders"}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, source.Close()) })
	run(t, receiver, source)

	sender, err := NewRegistry()
	require.NoError(t, err)
	loaded, err := configfile.Load(sender, configfile.File("testdata/producer.json"))
	require.NoError(t, err)
	backend, err := redis.New(server)
	require.NoError(t, err)
	dispatcher, err := signalcast.NewDispatcher(t.Context(), sender, loaded.Merged, backend, signalcast.WithTopicPrefix("test"))
	require.NoError(t, err)
	require.NoError(t, placeOrder(t.Context(), sender, Order{Number: "A-1", Customer: "ada"}))
	require.NoError(t, dispatcher.Close(t.Context()))
	require.Equal(t, "A-1", <-numbers)
}

func TestGuideQuotesTheCodeAsItIs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/testing.md")
	require.NoError(t, err)
	source, err := os.ReadFile("guide_test.go")
	require.NoError(t, err)
	blocks := strings.Split(string(page), "```go\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		if !strings.Contains(string(source), code) {
			t.Errorf("no source contains this quote:\n%s", code)
		}
	}
}
