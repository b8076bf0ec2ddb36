package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/outbox"
	outboxmemory "github.com/signalcast/signalcast/outbox/memory"
)

type enrollment struct {
	User   string `avro:"user"`
	Number int64  `avro:"number"`
}

var enrolled = signalcast.NewSignal[enrollment]("org.example.enrollment.created.v1")

// service is a service with an outbox in memory.
type service struct {
	t        *testing.T
	store    *outboxmemory.Store
	registry *signalcast.Registry
}

// newService returns a service that stores events for the given topics.
func newService(t *testing.T, topics ...string) *service {
	s := &service{t: t, store: outboxmemory.New(), registry: signalcast.NewRegistry()}
	require.NoError(t, s.registry.Register(enrolled))
	config := map[string]signalcast.TopicConfig{}
	for _, topic := range topics {
		config[topic] = signalcast.TopicConfig{EventKeyField: new("user"), Enabled: new(true)}
	}
	d, err := signalcast.NewDispatcher(t.Context(), s.registry, signalcast.ProducerConfig{enrolled.EventType(): config}, memory.New(),
		signalcast.WithOutbox(s.store), signalcast.WithDefaultMode(signalcast.ModeOutbox))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.WithoutCancel(t.Context()))) })
	return s
}

// enroll stores the event with a number, of one of 20 users.
func (s *service) enroll(number int) {
	s.t.Helper()
	user := fmt.Sprintf("user-%d", number%20)
	require.NoError(s.t, s.store.InTx(s.t.Context(), func(ctx context.Context) error {
		return enrolled.Send(ctx, s.registry, enrollment{user, int64(number)})
	}))
}

// run starts a relay and returns a function that stops it.
func (s *service) run(b signalcast.Backend, c outbox.Config) (stop func(), relay *outbox.Relay) {
	s.t.Helper()
	relay, err := outbox.NewRelay(s.store, b, c)
	require.NoError(s.t, err)
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		require.NoError(s.t, <-done)
	}), relay
}

func (s *service) status() outbox.Status {
	s.t.Helper()
	status, err := s.store.Status(s.t.Context())
	require.NoError(s.t, err)
	return status
}

// requireInOrder requires that the numbers 0 to n-1 were published to the topic, first in order for each
// user, except those in without. It returns the number of duplicates.
func requireInOrder(t *testing.T, b *memory.Backend, topic string, n int, without ...int64) (duplicates int) {
	t.Helper()
	seen := map[int64]bool{}
	last := map[string]int64{}
	for _, m := range b.Messages(topic) {
		data := decode(t, m)
		if seen[data.Number] {
			duplicates++
			continue
		}
		seen[data.Number] = true
		if before, ok := last[data.User]; ok {
			require.Less(t, before, data.Number, "order of %s", data.User)
		}
		last[data.User] = data.Number
	}
	for _, number := range without {
		require.False(t, seen[number], "number %d was published", number)
	}
	require.Len(t, seen, n-len(without))
	return duplicates
}

// consumer decodes messages.
var consumer = sync.OnceValue(func() *signalcast.Registry {
	r := signalcast.NewRegistry()
	if err := r.Register(enrolled); err != nil {
		panic(err)
	}
	_, err := enrolled.Connect(r, func(ctx context.Context, e signalcast.Event[enrollment]) error {
		*ctx.Value(dataKey{}).(*enrollment) = e.Data
		return nil
	})
	if err != nil {
		panic(err)
	}
	return r
})

type dataKey struct{}

func decode(t *testing.T, m *signalcast.Message) (data enrollment) {
	t.Helper()
	received, err := consumer().Decode(m.Event.Metadata, nil, m.Event.Value)
	require.NoError(t, err)
	require.NoError(t, received.Deliver(context.WithValue(t.Context(), dataKey{}, &data)))
	return data
}

func TestRelayPublishesCommittedRowsAndNoOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a", "b")
		b := memory.New()
		stop, relay := s.run(b, outbox.Config{})
		for i := range 300 {
			s.enroll(i)
			failed := errors.New("no seat")
			require.ErrorIs(t, s.store.InTx(t.Context(), func(ctx context.Context) error {
				require.NoError(t, enrolled.Send(ctx, s.registry, enrollment{"rolled back", int64(i)}))
				return failed
			}), failed)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		require.Zero(t, requireInOrder(t, b, "a", 300))
		require.Zero(t, requireInOrder(t, b, "b", 300))
		require.Zero(t, s.status().Pending)
		stats := relay.Stats()
		require.True(t, stats.Leading)
		require.Equal(t, int64(600), stats.Delivered)
		require.Equal(t, int64(600), stats.Deleted)
		stop()
		require.False(t, relay.Stats().Leading)
	})
}

func TestOutageParksNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a", "b")
		b := memory.New()
		b.Inject(memory.Fault{Err: errors.New("broker is away")})
		stop, relay := s.run(b, outbox.Config{MaxInFlight: 50})
		defer stop()
		for i := range 1000 {
			s.enroll(i)
		}
		time.Sleep(30 * time.Minute) // far longer than 8 attempts take
		require.Positive(t, relay.Stats().HeldLanes)
		require.Equal(t, int64(2000), s.status().Pending)
		b.Heal()
		time.Sleep(time.Minute)
		requireInOrder(t, b, "a", 1000)
		requireInOrder(t, b, "b", 1000)
		require.Zero(t, s.status().Pending+s.status().Parked)
		require.Zero(t, relay.Stats().HeldLanes)
	})
}

func TestPoisonedRowsAreParkedAndTheOthersDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		b := &poisoned{memory.New(), t}
		stop, relay := s.run(b, outbox.Config{Attempts: 3})
		defer stop()
		for i := range 2000 {
			s.enroll(i)
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
		}
		for i := range 1100 { // an attempt counts if others are delivered
			s.enroll(2000 + i)
			time.Sleep(time.Second)
		}
		requireInOrder(t, b.Backend, "a", 3100, 499, 999, 1499, 1999, 2499, 2999)
		require.Equal(t, outbox.Status{Parked: 6, Lease: s.status().Lease, Now: time.Now()}, s.status())
		require.Equal(t, int64(6), relay.Stats().Parked)
		rows, err := s.store.List(t.Context(), outbox.Filter{})
		require.NoError(t, err)
		require.Equal(t, 3, rows[0].Attempts)
		require.Equal(t, "poison", rows[0].LastError)
	})
}

// poisoned fails every 500th event.
type poisoned struct {
	*memory.Backend

	t *testing.T
}

func (b *poisoned) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if decode(b.t, m).Number%500 == 499 {
		go done(signalcast.Receipt{}, errors.New("poison"))
		return nil
	}
	return b.Backend.Publish(ctx, m, done)
}
