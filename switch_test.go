package signalcast_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

func TestSwitchSuppressesTheMessagesOfItsRoutes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		s    signalcast.Switch
		want []string // the topics that are left
	}{
		"everything":    {signalcast.Switch{}, []string{}},
		"an event type": {signalcast.Switch{EventType: orderPlaced}, []string{}},
		"a topic":       {signalcast.Switch{Topic: "a"}, []string{"b"}},
		"a route":       {signalcast.Switch{EventType: orderPlaced, Topic: "b"}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, []string{"a", "b"})
			c.s.Reason = "incident 7"
			require.NoError(t, s.dispatcher.SwitchOff(c.s))
			require.NoError(t, s.send(t, order{}))
			require.Equal(t, c.want, topicsOf(s.backend.Messages()))
			sent := int64(len(c.want))
			require.Equal(t, signalcast.Stats{Accepted: sent, Delivered: sent, Suppressed: 2 - sent}, s.dispatcher.Stats())
			planned, err := s.dispatcher.Plan(orderPlaced, []byte(`{"number": "1", "customer": {"id": 1, "email": ""}}`))
			require.NoError(t, err)
			require.Len(t, planned, len(c.want))

			require.NoError(t, s.dispatcher.SwitchOn(c.s.EventType, c.s.Topic, "night shift"))
			require.NoError(t, s.send(t, order{}))
			require.Len(t, s.backend.Messages(), len(c.want)+2)
			require.Empty(t, s.dispatcher.Switches())
		})
	}
}

func TestSuppressedEventStillReachesReceivers(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	received := 0
	_, err := s.placed.Connect(s.registry, func(context.Context, signalcast.Event[order]) error { received++; return nil })
	require.NoError(t, err)
	require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{Reason: "test"}))
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, 1, received)
	require.Equal(t, int64(1), s.dispatcher.Stats().Suppressed)
	require.NoError(t, s.send(t, order{Number: "\xff"}), "it is not encoded")
}

func TestSwitchSurvivesAReloadAndAppliesToNewRoutes(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a"})
	require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{EventType: orderPlaced, Reason: "test"}))
	change, err := s.dispatcher.Reload(t.Context(), ordersTo("b"))
	require.NoError(t, err)
	require.Len(t, change.Started, 1, "a reload reports the configuration")
	require.NoError(t, s.send(t, order{}))
	require.Empty(t, s.backend.Messages())
	require.NoError(t, s.dispatcher.SwitchOn(orderPlaced, "", ""))
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"b"}, topicsOf(s.backend.Messages()))
}

func TestSwitchActsWhileAReloadWaits(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	preparing, prepared := make(chan struct{}), make(chan struct{})
	first := true
	b := memory.New()
	d := s.dispatch(t, ordersTo("a"), backend{
		prepare: func([]signalcast.Route) error {
			if !first {
				close(preparing)
				<-prepared
			}
			first = false
			return nil
		},
		publish: b.Publish,
	})
	reloaded := make(chan error, 1)
	go func() {
		_, err := d.Reload(context.Background(), ordersTo("a", "b"))
		reloaded <- err
	}()
	<-preparing
	require.NoError(t, d.SwitchOff(signalcast.Switch{Topic: "a", Reason: "test"}))
	require.NoError(t, s.send(t, order{}))
	require.Empty(t, b.Messages())
	close(prepared)
	require.NoError(t, <-reloaded)
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"b"}, topicsOf(b.Messages()))
}

func TestSwitchEndsAtItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes []signalcast.SwitchChange
		var log bytes.Buffer
		s := openShop(t, []string{"a", "b"}, signalcast.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			signalcast.WithHooks(signalcast.Hooks{Switched: func(c signalcast.SwitchChange) { changes = append(changes, c) }}))
		start := time.Now()
		off := signalcast.Switch{Topic: "a", Reason: "incident 7", By: "night shift", Until: start.Add(time.Minute)}
		require.NoError(t, s.dispatcher.SwitchOff(off))
		require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{Topic: "b", Reason: "test"}))
		off.Since = start
		require.Equal(t, off, s.dispatcher.Switches()[0])

		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, s.dispatcher.Switches(), 1)
		require.NoError(t, s.send(t, order{}))
		require.Equal(t, []string{"a"}, topicsOf(s.backend.Messages()))
		require.Equal(t, []signalcast.SwitchChange{{Switch: off, Off: true, By: "night shift"}, {Switch: off}}, []signalcast.SwitchChange{changes[0], changes[2]})
		require.Contains(t, log.String(), `level=WARN msg="routes switched off" event_type="" topic=a reason="incident 7" by="night shift" until=`)
		require.Contains(t, log.String(), `level=WARN msg="routes switched on" event_type="" topic=a reason="incident 7" by=""`)
		require.NoError(t, s.dispatcher.Close(t.Context()))
	})
}

func TestSwitchWithoutEffectIsAnError(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"}, signalcast.WithTopicPrefix("prod"))
	reason := "test"
	for want, off := range map[string]signalcast.Switch{
		`switch: event type: found org.example.order.place.v1; want an event type with a configured topic (did you mean "` + orderPlaced + `"?)`: {EventType: "org.example.order.place.v1", Reason: reason},
		`switch: topic: found prod-order; want a configured topic, with its prefix (did you mean "prod-orders"?)`:                                {Topic: "prod-order", Reason: reason},
		`switch: reason: found none; want why the routes are switched off`:                                                                       {},
		`switch: until: found a time that has passed; want a time to come, or the zero time`:                                                     {Reason: reason, Until: noon.AddDate(-10, 0, 0)},
	} {
		err := s.dispatcher.SwitchOff(off)
		require.EqualError(t, err, want)
		require.ErrorAs(t, err, new(*signalcast.SwitchError))
	}
	require.EqualError(t, s.dispatcher.SwitchOn("", "prod-orders", ""),
		`switch: route: found no switch for topic prod-orders; want the event type and topic given to SwitchOff`)
	require.NoError(t, s.dispatcher.Close(t.Context()))
	require.ErrorIs(t, s.dispatcher.SwitchOff(signalcast.Switch{Reason: reason}), signalcast.ErrClosed)
}

func TestLedgerHoldsUnderSwitchesAndReloads(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"})
	const senders, events = 20, 200
	stop := make(chan struct{})
	var operators, group sync.WaitGroup
	for i := range 80 {
		operators.Go(func() {
			topic := []string{"a", "b"}[i%2]
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.dispatcher.SwitchOff(signalcast.Switch{Topic: topic, Reason: "test"}); err != nil {
					t.Error(err)
				}
				_ = s.dispatcher.SwitchOn("", topic, "") // another operator may have been first
				if _, err := s.dispatcher.Reload(context.Background(), ordersTo("a", "b")); err != nil {
					t.Error(err)
				}
				if now := s.dispatcher.Stats(); now.Accepted != now.Delivered+now.Failed+now.Pending {
					t.Errorf("the ledger does not hold: %+v", now)
				}
			}
		})
	}
	for range senders {
		group.Go(func() {
			for range events {
				if err := s.placed.Send(context.Background(), s.registry, order{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	close(stop)
	operators.Wait()
	stats := s.dispatcher.Stats()
	require.Equal(t, int64(2*senders*events), stats.Delivered+stats.Suppressed)
	require.Len(t, s.backend.Messages(), int(stats.Delivered))
}
