package signalcast_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// A reload takes over what has not changed, so every way to get to a
// configuration is compared with a dispatcher that begins with it.
func TestRouteTableDoesNotDependOnEarlierOnes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	paths := []*string{nil, new("number"), new("customer.id"), new("customer.email")}
	s := newShop(t)
	config := func() signalcast.ProducerConfig {
		c := signalcast.ProducerConfig{}
		for i := range 4 {
			topics := map[string]signalcast.TopicConfig{}
			for range random.IntN(4) {
				key := paths[random.IntN(len(paths))]
				topics[fmt.Sprintf("topic-%d", random.IntN(3))] = signalcast.TopicConfig{
					EventKeyField: key, Keyless: new(key == nil), Enabled: new(random.IntN(3) > 0),
				}
			}
			if random.IntN(4) > 0 {
				c[fmt.Sprintf("org.example.order.step%d.v1", i)] = topics
			}
		}
		return c
	}
	for i := range 4 {
		require.NoError(t, s.registry.Register(signalcast.NewSignal[order](fmt.Sprintf("org.example.order.step%d.v1", 3-i))))
	}
	options := []signalcast.DispatcherOption{signalcast.WithTopicPrefix("p"), signalcast.WithDeadLetter("dead"), signalcast.WithEmptyAllowed()}
	var prepared, fresh []signalcast.Route
	d := s.dispatch(t, config(), backend{prepare: func(r []signalcast.Route) error { prepared = r; return nil }}, options...)
	for range 300 {
		before, c := d.Routes(), config()
		change, err := d.Reload(t.Context(), c)
		require.NoError(t, err)
		other, err := signalcast.NewDispatcher(t.Context(), s.registry, c,
			backend{prepare: func(r []signalcast.Route) error { fresh = r; return nil }}, options...)
		require.NoError(t, err)
		require.NoError(t, other.Close(t.Context()))
		require.Equal(t, other.Routes(), d.Routes())
		require.Equal(t, fresh, prepared, "with dead letters")
		require.Equal(t, changeBetween(before, d.Routes()), change)
		require.True(t, slices.IsSortedFunc(d.Routes(), byName))
	}
}

func byName(a, b signalcast.Route) int {
	return slices.Compare([]string{a.EventType, a.Topic}, []string{b.EventType, b.Topic})
}

// changeBetween compares every route with every other.
func changeBetween(before, after []signalcast.Route) (change signalcast.Change) {
	serving := func(routes []signalcast.Route, r signalcast.Route) int {
		return slices.IndexFunc(routes, func(other signalcast.Route) bool { return other.Enabled && byName(other, r) == 0 })
	}
	for _, r := range after {
		switch was := serving(before, r); {
		case !r.Enabled:
		case was < 0:
			change.Started = append(change.Started, r)
		case before[was].KeyPath != r.KeyPath:
			change.Rekeyed = append(change.Rekeyed, r)
		}
	}
	for _, r := range before {
		if r.Enabled && serving(after, r) < 0 {
			change.Stopped = append(change.Stopped, r)
		}
	}
	return change
}

func TestReloadConfiguresSignalsThatWereRegisteredLater(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	early := signalcast.NewSignal[order]("org.example.order.a.v1") // sorts before the other
	require.NoError(t, s.registry.Register(early))
	require.NoError(t, early.Send(t.Context(), s.registry, order{}), "it is not configured yet")
	require.NoError(t, s.send(t, order{}))
	config := ordersTo("orders")
	config[early.EventType()] = ordersTo("early")[orderPlaced]
	_, err := s.dispatcher.Reload(t.Context(), config)
	require.NoError(t, err)
	require.NoError(t, early.Send(t.Context(), s.registry, order{}))
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"orders", "early", "orders"}, topicsOf(s.backend.Messages()))
	require.Equal(t, "org.example.order.a.v1 early, "+orderPlaced+" orders", names(s.dispatcher.Routes()))
}

func TestSignalsOfOneTypeShareTheSchemaOfAKey(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	paid := signalcast.NewSignal[order]("org.example.order.paid.v1")
	require.NoError(t, s.registry.Register(paid))
	config := ordersTo("orders")
	config[paid.EventType()] = config[orderPlaced]
	routes := s.dispatch(t, config, s.backend).Routes()
	require.Same(t, routes[0].KeySchema, routes[1].KeySchema)
	require.NotSame(t, routes[0].ValueSchema, routes[1].ValueSchema)
	require.Contains(t, routes[0].ValueSchema.Text, `"namespace": "`+paid.EventType()+`"`)
	require.Contains(t, routes[1].ValueSchema.Text, `"namespace": "`+orderPlaced+`"`)
}

func TestConcurrentDispatchersShareKeyFields(t *testing.T) {
	t.Parallel()
	config := ordersTo("orders")
	config[orderPlaced]["by-customer"] = signalcast.TopicConfig{EventKeyField: new("customer.id"), Enabled: new(true)}
	for range 100 {
		s := newShop(t)
		var group sync.WaitGroup
		start := make(chan struct{})
		routes := make([][]signalcast.Route, 4)
		for i := range routes {
			group.Go(func() {
				<-start
				d, err := signalcast.NewDispatcher(t.Context(), s.registry, config, discard{})
				if err != nil {
					t.Error(err)
					return
				}
				routes[i] = d.Routes()
			})
		}
		close(start)
		group.Wait()
		for _, list := range routes {
			require.Same(t, routes[0][0].KeySchema, list[0].KeySchema)
			require.Same(t, routes[0][1].KeySchema, list[1].KeySchema)
		}
	}
}
