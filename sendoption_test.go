package signalcast_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestWithTimeWritesUTC(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given time.Time
		want  string
	}{
		"an offset is converted":            {time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.FixedZone("", 5*3600+45*60)), "2026-01-01T21:19:05.678901+00:00"},
		"nanoseconds are cut":               {time.Date(2026, 1, 2, 3, 4, 5, 999999999, time.UTC), "2026-01-02T03:04:05.999999+00:00"},
		"no fraction where it is zero":      {time.Date(2026, 1, 2, 3, 4, 5, 999, time.UTC), "2026-01-02T03:04:05+00:00"},
		"six digits of fraction":            {time.Date(2026, 1, 2, 3, 4, 5, 5e8, time.UTC), "2026-01-02T03:04:05.500000+00:00"},
		"four digits of year":               {time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), "0001-01-01T00:00:01+00:00"},
		"a fraction before the Unix epoch":  {time.Date(1969, 12, 31, 23, 59, 59, 1999, time.UTC), "1969-12-31T23:59:59.000001+00:00"},
		"London is not UTC for all of 2026": {time.Date(2026, 7, 1, 12, 0, 0, 0, time.FixedZone("BST", 3600)), "2026-07-01T11:00:00+00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, []string{"orders"})
			var event signalcast.Metadata
			connect(t, s, func(_ context.Context, e signalcast.Event[order]) error { event = e.Metadata; return nil })
			require.NoError(t, s.send(t, order{}, signalcast.WithTime(c.given)))
			published := s.backend.Messages()[0].Event.Metadata
			require.Equal(t, c.want, string(published.AppendTime(nil)))
			require.Equal(t, published, event)
			require.Equal(t, c.given.Truncate(time.Microsecond).UTC(), event.Time, "receivers see the time that consumers see")
		})
	}
}

func TestReceiversGetTheTimeThatIsWritten(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	require.NoError(t, s.send(t, order{}))
	m := s.backend.Messages()[0].Event.Metadata
	text, err := json.Marshal(m)
	require.NoError(t, err)
	var read signalcast.Metadata
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, m, read)
}

func TestTimeThatCannotBeWrittenIsRejected(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]time.Time{
		"the zero time":            {},
		"a time without an offset": noon.In(signalcast.Naive()),
		"the year 10000":           noon.AddDate(8000, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, []string{"orders"})
			var fault *signalcast.EncodeError
			require.ErrorAs(t, s.send(t, order{}, signalcast.WithTime(at)), &fault)
			require.Equal(t, "metadata.time", fault.Fields[0].Path)
			require.Empty(t, s.backend.Messages())
		})
	}
}

func TestWithMetadataSendsItUnchanged(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	require.NoError(t, s.send(t, order{}, signalcast.WithMetadata(received())))
	require.Equal(t, received(), s.backend.Messages()[0].Event.Metadata)

	require.NoError(t, s.send(t, order{}, signalcast.WithMetadata(received()), signalcast.WithTime(noon)))
	want := received()
	want.Time = noon
	require.Equal(t, want, s.backend.Messages()[1].Event.Metadata, "options are applied in order")
}

func TestEventFromTheBusGoesToReceiversOnly(t *testing.T) {
	t.Parallel()
	fromBus := received()
	fromBus.FromEventBus = true
	for how, opt := range map[string]signalcast.SendOption{
		"FromBus":                          signalcast.FromBus(received()),
		"WithMetadata of an event from it": signalcast.WithMetadata(fromBus),
	} {
		for name, shop := range map[string]func(t *testing.T) *shop{
			"with a dispatcher":    func(t *testing.T) *shop { t.Helper(); return openShop(t, []string{"orders"}) },
			"without a dispatcher": func(t *testing.T) *shop { t.Helper(); return newShop(t) },
			"with a closed dispatcher": func(t *testing.T) *shop {
				t.Helper()
				s := openShop(t, []string{"orders"})
				require.NoError(t, s.dispatcher.Close(t.Context()))
				return s
			},
		} {
			t.Run(how+" "+name, func(t *testing.T) {
				t.Parallel()
				s := shop(t)
				var events []signalcast.Event[order]
				connect(t, s, func(_ context.Context, e signalcast.Event[order]) error { events = append(events, e); return nil })
				require.NoError(t, s.send(t, order{Number: "17"}, opt))
				require.NoError(t, s.registry.SendJSON(t.Context(), orderPlaced, []byte(orderJSON), opt))
				require.Len(t, events, 2)
				require.Equal(t, signalcast.Event[order]{Metadata: fromBus, Data: order{Number: "17"}}, events[0])
				require.Empty(t, s.backend.Messages())
				if s.dispatcher != nil {
					require.Zero(t, s.dispatcher.Stats())
				}
			})
		}
	}
}
