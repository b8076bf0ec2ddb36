package signalcast_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestReloadReturnsTheChange(t *testing.T) {
	t.Parallel()
	joined := signalcast.NewSignal[customer]("org.example.customer.joined.v1")
	keyed := func(path string) signalcast.TopicConfig {
		return signalcast.TopicConfig{EventKeyField: &path, Enabled: new(true)}
	}
	off := signalcast.TopicConfig{EventKeyField: new("number"), Enabled: new(false)}
	keyless := signalcast.TopicConfig{Keyless: new(true), Enabled: new(true)}
	before := signalcast.ProducerConfig{
		orderPlaced:        {"same": keyed("number"), "rekeyed": keyed("number"), "keyless": keyed("number"), "switched-off": keyed("number"), "left-off": off, "switched-on": off, "gone": keyed("number"), "gone-off": off},
		joined.EventType(): {"customers": keyed("email"), "all": keyless},
	}
	after := signalcast.ProducerConfig{
		orderPlaced: {"same": keyed("number"), "rekeyed": keyed("customer.id"), "keyless": keyless, "switched-off": off, "left-off": off, "switched-on": keyed("number"), "new": keyed("number"), "new-off": off},
	}

	var hooked []signalcast.Change
	s := newShop(t)
	require.NoError(t, s.registry.Register(joined))
	d := s.dispatch(t, before, s.backend, signalcast.WithTopicPrefix("p"), signalcast.WithHooks(signalcast.Hooks{
		Reloaded: func(c signalcast.Change) { hooked = append(hooked, c) },
	}))
	change, err := d.Reload(t.Context(), after)
	require.NoError(t, err)
	require.Equal(t, []signalcast.Change{change}, hooked)
	require.Equal(t, orderPlaced+" p-new, "+orderPlaced+" p-switched-on", names(change.Started))
	require.Equal(t, "org.example.customer.joined.v1 p-all, org.example.customer.joined.v1 p-customers, "+
		orderPlaced+" p-gone, "+orderPlaced+" p-switched-off", names(change.Stopped))
	require.Equal(t, orderPlaced+" p-keyless, "+orderPlaced+" p-rekeyed", names(change.Rekeyed))
	require.Equal(t, []string{"", "customer.id"}, []string{change.Rekeyed[0].KeyPath, change.Rekeyed[1].KeyPath}, "as they are now")

	change, err = d.Reload(t.Context(), after)
	require.NoError(t, err)
	require.Zero(t, change)
}

// names shows routes as text.
func names(routes []signalcast.Route) string {
	var all []string
	for _, r := range routes {
		all = append(all, r.EventType+" "+r.Topic)
	}
	return strings.Join(all, ", ")
}

func TestReloadOfAnInvalidConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	unhappy := errors.New("no such topic")
	for name, c := range map[string]struct {
		config signalcast.ProducerConfig
		want   error
	}{
		"an unknown event type": {signalcast.ProducerConfig{"org.example.unknown.v1": {}}, nil},
		"a bad key path": {signalcast.ProducerConfig{orderPlaced: {
			"good": {Keyless: new(true), Enabled: new(true)},
			"bad":  {EventKeyField: new("customer"), Enabled: new(false)},
		}}, nil},
		"a missing setting":                {signalcast.ProducerConfig{orderPlaced: {"orders": {Keyless: new(true)}}}, nil},
		"a topic that the backend rejects": {ordersTo("rejected"), unhappy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			d := s.dispatch(t, ordersTo("orders"), backend{
				publish: s.backend.Publish,
				prepare: func(routes []signalcast.Route) error {
					if routes[0].Topic == "rejected" {
						return unhappy
					}
					return nil
				},
			}, signalcast.WithHooks(signalcast.Hooks{Reloaded: func(signalcast.Change) { t.Error("nothing was reloaded") }}))
			before := d.Routes()
			change, err := d.Reload(t.Context(), c.config)
			require.Zero(t, change)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			} else {
				require.ErrorAs(t, err, new(*signalcast.ValidationError))
			}
			require.Equal(t, before, d.Routes())
			require.NoError(t, s.send(t, order{}))
			require.Equal(t, []string{"orders"}, topicsOf(s.backend.Messages()))
		})
	}
}

func TestCountersAndSchemasSurviveAReload(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"}, signalcast.WithEmptyAllowed())
	before := s.dispatcher.Routes()
	s.backend.Hold()
	held := s.sendAsync(t, order{})
	for _, topics := range [][]string{{"c"}, nil, {"a", "b"}} {
		_, err := s.dispatcher.Reload(t.Context(), ordersTo(topics...))
		require.NoError(t, err)
		require.Equal(t, signalcast.Stats{Accepted: 2, Pending: 2}, s.dispatcher.Stats())
	}
	s.backend.Release()
	require.NoError(t, held.Wait(t.Context()), "messages taken go on")
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, signalcast.Stats{Accepted: 4, Delivered: 4}, s.dispatcher.Stats())
	for i, route := range s.dispatcher.Routes() {
		require.Same(t, before[i].ValueSchema, route.ValueSchema)
		require.Same(t, before[i].KeySchema, route.KeySchema)
	}
}

func TestReloadIsAtomic(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a1", "a2", "a3"}, signalcast.WithEmptyAllowed())
	configs := []signalcast.ProducerConfig{ordersTo("b1", "b2"), ordersTo("c1"), nil, ordersTo("a1", "a2", "a3")}
	allowed := []string{"a1 a2 a3", "b1 b2", "c1", ""}
	bad := signalcast.ProducerConfig{orderPlaced: {"bad": {}}}

	var group sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				delivery, err := s.placed.SendAsync(t.Context(), s.registry, order{})
				if err != nil {
					t.Error(err)
					return
				}
				var topics []string
				for _, result := range delivery.Results() {
					topics = append(topics, result.Topic)
				}
				if got := strings.Join(topics, " "); !slices.Contains(allowed, got) {
					t.Errorf("an event went to %q", got)
				}
			}
		})
	}
	var reloads sync.WaitGroup
	for i := range 100 {
		reloads.Go(func() {
			if _, err := s.dispatcher.Reload(t.Context(), configs[i%len(configs)]); err != nil {
				t.Error(err)
			}
			if _, err := s.dispatcher.Reload(t.Context(), bad); err == nil {
				t.Error("a bad configuration was taken")
			}
		})
	}
	reloads.Wait()
	close(stop)
	group.Wait()
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	stats := s.dispatcher.Stats()
	require.Equal(t, signalcast.Stats{Accepted: stats.Accepted, Delivered: stats.Accepted}, stats)
	require.Len(t, s.backend.Messages(), int(stats.Accepted))
}

func TestEventKeepsItsRouteTable(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var d *signalcast.Dispatcher
	d = s.dispatch(t, ordersTo("a", "b"), backend{
		publish: func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
			if m.Topic == "a" {
				_, err := d.Reload(ctx, ordersTo("x", "y"))
				require.NoError(t, err)
			}
			return s.backend.Publish(ctx, m, done)
		},
	})
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"a", "b"}, topicsOf(s.backend.Messages()))
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"a", "b", "x", "y"}, topicsOf(s.backend.Messages()))
}

func TestReloadWaitsForAnotherUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		d := s.dispatch(t, nil, backend{prepare: func(routes []signalcast.Route) error {
			if len(routes) > 0 {
				<-time.After(time.Minute)
			}
			return nil
		}})
		var group sync.WaitGroup
		start := time.Now()
		for _, topic := range []string{"a", "b"} {
			group.Go(func() {
				if _, err := d.Reload(t.Context(), ordersTo(topic)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := d.Reload(ctx, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
		group.Wait()
		require.Equal(t, 2*time.Minute, time.Since(start), "one after the other")
		require.Len(t, d.Routes(), 1)
	})
}

func TestReloadWithAnEndedContextChangesNothing(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a"})
	for range 50 { // select would choose at random
		_, err := s.dispatcher.Reload(ended(t), ordersTo("b"))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, "a", s.dispatcher.Routes()[0].Topic)
	}
}

func TestReloadAfterCloseReturnsErrClosed(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a"})
	require.NoError(t, s.dispatcher.Close(t.Context()))
	_, err := s.dispatcher.Reload(t.Context(), ordersTo("b"))
	require.ErrorIs(t, err, signalcast.ErrClosed)
	require.ErrorIs(t, s.send(t, order{}), signalcast.ErrClosed)
}

func TestCloseEndsAReloadInProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		d := s.dispatch(t, nil, backend{prepare: func(routes []signalcast.Route) error {
			if len(routes) > 0 {
				<-time.After(time.Minute)
			}
			return nil
		}})
		reloaded := make(chan error, 1)
		go func() {
			_, err := d.Reload(t.Context(), ordersTo("a"))
			reloaded <- err
		}()
		synctest.Wait()
		require.NoError(t, d.Close(t.Context()))
		require.ErrorIs(t, <-reloaded, signalcast.ErrClosed)
		require.ErrorIs(t, s.send(t, order{}), signalcast.ErrClosed)
		require.Empty(t, d.Routes())
	})
}

func TestReloadThatWouldStopEverythingIsRejected(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"})
	for name, c := range map[string]signalcast.ProducerConfig{
		"an empty configuration":    nil,
		"only other, disabled ones": {orderPlaced: {"c": {EventKeyField: new("number"), Enabled: new(false)}}},
	} {
		_, err := s.dispatcher.Reload(t.Context(), c)
		require.ErrorIs(t, err, signalcast.ErrEmptyReload, name)
		require.EqualError(t, err, "reload would stop all publishing: found none of the 2 enabled routes in the new configuration; "+
			"want them with enabled false, or the option WithEmptyAllowed", name)
	}
	require.Len(t, s.dispatcher.Routes(), 2)
	off := signalcast.ProducerConfig{orderPlaced: {"a": {EventKeyField: new("number"), Enabled: new(false)}}}
	_, err := s.dispatcher.Reload(t.Context(), off)
	require.NoError(t, err, "the configuration says so")
}

func TestLogShowsRoutesAndWarnsIfNoneIsEnabled(t *testing.T) {
	t.Parallel()
	const warning = `level=WARN msg="no route is enabled, so no event is published"`
	var log bytes.Buffer
	s := newShop(t)
	logger := signalcast.WithLogger(slog.New(slog.NewTextHandler(&log, nil)))
	d := s.dispatch(t, ordersTo("a", "b"), s.backend, logger)
	require.Contains(t, log.String(), `level=INFO msg="dispatcher started" routes=2 enabled=2 started="[`+orderPlaced+" to a "+orderPlaced+` to b]"`)
	require.NotContains(t, log.String(), "WARN")

	many := make([]string, 30)
	for i := range many {
		many[i] = fmt.Sprintf("t%02d", i)
	}
	log.Reset()
	_, err := d.Reload(t.Context(), ordersTo(many...))
	require.NoError(t, err)
	require.Contains(t, log.String(), `msg="configuration reloaded" routes=30 enabled=30`)
	require.Contains(t, log.String(), orderPlaced+` to t19 and 10 more]" stopped="[`+orderPlaced+" to a "+orderPlaced+` to b]"`)

	log.Reset()
	s.dispatch(t, nil, s.backend, logger)
	require.Contains(t, log.String(), warning)
	log.Reset()
	s.dispatch(t, nil, s.backend, logger, signalcast.WithEmptyAllowed())
	require.NotContains(t, log.String(), warning)
}
