package signalcast_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// The faulty types of event data.
type (
	untagged struct{ Name string }
	unsigned struct {
		N uint64 `avro:"n"`
	}
	recursive struct {
		Next []recursive `avro:"next"`
	}
)

func TestRegisterRejectsInvalidSignals(t *testing.T) {
	t.Parallel()
	var none *signalcast.Signal[order]
	for name, c := range map[string]struct {
		def  signalcast.Definition
		want []string
	}{
		"a nil definition":               {nil, []string{"nil"}},
		"a nil signal":                   {none, []string{"nil"}},
		"a signal not made by NewSignal": {&signalcast.Signal[order]{}, []string{"NewSignal"}},
		"an empty event type":            {signalcast.NewSignal[order](""), []string{`""`, "registry_test.go"}},
		"an empty part":                  {signalcast.NewSignal[order]("org..created"), []string{`"org..created"`, "registry_test.go", "dots"}},
		"a trailing dot":                 {signalcast.NewSignal[order]("org.created."), []string{`"org.created."`}},
		"a blank":                        {signalcast.NewSignal[order]("org. created"), []string{`"org. created"`}},
		"a letter outside ASCII":         {signalcast.NewSignal[order]("org.créé"), []string{"ASCII"}},
		"a line break":                   {signalcast.NewSignal[order]("org.created\nce_id: 1"), []string{`\n`}},
		"an event type of 250 bytes":     {signalcast.NewSignal[order](strings.Repeat("a", 250)), []string{"249"}},
		"a negative minor version":       {signalcast.NewSignal[order](orderPlaced, signalcast.WithMinorVersion(-1)), []string{"-1", "want 0 or more"}},
		"data that is no struct":         {signalcast.NewSignal[string](orderPlaced), []string{"string", "struct"}},
		"a pointer to a struct":          {signalcast.NewSignal[*order](orderPlaced), []string{"struct"}},
		"any":                            {signalcast.NewSignal[any](orderPlaced), []string{"struct"}},
		"a field without a wire name":    {signalcast.NewSignal[untagged](orderPlaced), []string{"Name", "avro"}},
		"an unsigned 64-bit integer":     {signalcast.NewSignal[unsigned](orderPlaced), []string{"N", "uint64"}},
		"a type that contains itself":    {signalcast.NewSignal[recursive](orderPlaced), []string{"Next"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := signalcast.NewRegistry()
			good := signalcast.NewSignal[order]("org.example.good.v1")
			err := r.Register(good, c.def)
			require.Error(t, err)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, r.Definitions(), "it is all or nothing")
			require.ErrorIs(t, good.Send(t.Context(), r, order{}), signalcast.ErrNotRegistered)
		})
	}
}

func TestRegisterAcceptsEveryFormOfEventType(t *testing.T) {
	t.Parallel()
	r := signalcast.NewRegistry()
	names := []string{"A-b_9", "created", strings.Repeat("a", 249), "org.openedx.enterprise.subsidy.redemption-reversed.v1"}
	for _, name := range names {
		require.NoError(t, r.Register(signalcast.NewSignal[order](name)))
	}
	slices.Sort(names)
	var registered []string
	for _, d := range r.Definitions() {
		registered = append(registered, d.EventType())
	}
	require.Equal(t, names, registered, "sorted by event type")
}

func TestRegisterReportsAllFaultsAtOnceSorted(t *testing.T) {
	t.Parallel()
	r := signalcast.NewRegistry()
	faulty := []signalcast.Definition{
		signalcast.NewSignal[untagged]("org.example.c.v1"),
		signalcast.NewSignal[order]("org.example.b v1", signalcast.WithMinorVersion(-1)),
		signalcast.NewSignal[order]("org.example.a.v1"),
		signalcast.NewSignal[unsigned]("org.example.a.v1"),
		nil,
	}
	want := r.Register(faulty...).Error()
	for _, part := range []string{"untagged", "b v1", "-1", "unsigned", "duplicate event type; first declared at", "nil"} {
		require.Contains(t, want, part)
	}
	signals := regexp.MustCompile(`(?m)^signal "[^"]*"`).FindAllString(want, -1)
	require.True(t, slices.IsSorted(signals), want)
	require.Equal(t, want, r.Register(faulty...).Error(), "the same faults give the same text")
}

func TestDuplicateEventTypeNamesBothPlaces(t *testing.T) {
	t.Parallel()
	first, second := signalcast.NewSignal[order](orderPlaced), signalcast.NewSignal[customer](orderPlaced)
	places := regexp.MustCompile(`registry_test\.go:\d+`)

	r := signalcast.NewRegistry()
	err := r.Register(first, second)
	require.ErrorContains(t, err, fmt.Sprintf("%q", orderPlaced))
	require.Len(t, places.FindAllString(err.Error(), -1), 2)
	require.Empty(t, r.Definitions())

	require.NoError(t, r.Register(first))
	err = r.Register(second)
	require.Len(t, places.FindAllString(err.Error(), -1), 2)
	require.Equal(t, []signalcast.Definition{first}, r.Definitions())
}

func TestSameSignalMayBeRegisteredAgainAndInSeveralRegistries(t *testing.T) {
	t.Parallel()
	s := newShop(t, signalcast.LocalOnly())
	calls := 0
	connect(t, s, func(context.Context, signalcast.Event[order]) error { calls++; return nil })
	require.NoError(t, s.registry.Register(s.placed, s.placed))
	require.Len(t, s.registry.Definitions(), 1)
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, 1, calls, "its receivers stay")

	other := signalcast.NewRegistry(signalcast.LocalOnly())
	require.NoError(t, other.Register(s.placed))
	require.NoError(t, s.placed.Send(t.Context(), other, order{}))
	require.Equal(t, 1, calls, "receivers belong to one registry")
}

// cancelled wraps a signal, as a package that adds to one may do.
type cancelled struct{ *signalcast.Signal[order] }

func TestTypeThatEmbedsASignalIsADefinition(t *testing.T) {
	t.Parallel()
	r := signalcast.NewRegistry(signalcast.LocalOnly())
	wrapped := cancelled{signalcast.NewSignal[order](orderPlaced)}
	require.NoError(t, r.Register(wrapped))
	require.NoError(t, wrapped.Send(t.Context(), r, order{}))
}

func TestReloadServesSignalsThatWereRegisteredLater(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	later := signalcast.NewSignal[customer]("org.example.customer.joined.v1")
	require.NoError(t, s.registry.Register(later))
	require.NoError(t, later.Send(t.Context(), s.registry, customer{}))
	require.Empty(t, s.backend.Messages())

	_, err := s.dispatcher.Reload(t.Context(), signalcast.ProducerConfig{
		later.EventType(): {"customers": {Keyless: new(true), Enabled: new(true)}},
	})
	require.NoError(t, err)
	require.NoError(t, later.Send(t.Context(), s.registry, customer{}))
	require.Equal(t, []string{"customers"}, topicsOf(s.backend.Messages()))
}

func TestRegisterIsSafeWhileEventsAreSent(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for j := range 50 {
				other := signalcast.NewSignal[order](fmt.Sprintf("org.example.s%d-%d.v1", i, j))
				if err := s.registry.Register(other); err != nil {
					t.Error(err)
				}
				if err := s.send(t, order{}); err != nil {
					t.Error(err)
				}
				if err := other.Send(t.Context(), s.registry, order{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.Len(t, s.registry.Definitions(), 201)
	require.Len(t, s.backend.Messages(), 200)
}

func TestRegistrySetsTheMetadata(t *testing.T) {
	t.Parallel()
	host, err := os.Hostname()
	require.NoError(t, err)
	id := signalcast.NewUUID()
	for name, c := range map[string]struct {
		opts   []signalcast.RegistryOption
		source string
		host   string
		lib    string
		id     signalcast.UUID // zero: any of version 7
	}{
		"by default": {
			nil, "openedx/SERVICE_NAME_UNSET/web", host, signalcast.Version(), signalcast.UUID{},
		},
		"as its options say": {
			[]signalcast.RegistryOption{
				signalcast.WithSource("openedx/lms/web"), signalcast.WithSourceHost(""), signalcast.WithSourceLib("11.2.0"),
				signalcast.WithIDs(func() signalcast.UUID { return id }),
			},
			"openedx/lms/web", "",
			"11.2.0",
			id,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, c.opts...)
			s.dispatch(t, ordersTo("orders"), s.backend)
			before := time.Now().Truncate(time.Microsecond)
			require.NoError(t, s.send(t, order{}))
			m := s.backend.Messages()[0].Event.Metadata

			require.WithinRange(t, m.Time, before, time.Now())
			require.Equal(t, time.UTC, m.Time.Location())
			if c.id == (signalcast.UUID{}) {
				c.id = m.ID
				require.Equal(t, byte(7), m.ID[6]>>4)
			}
			require.Equal(t, signalcast.Metadata{
				ID: c.id, EventType: orderPlaced, MinorVersion: 2, Source: c.source, SourceHost: c.host, Time: m.Time, SourceLib: c.lib,
			}, m)
		})
	}
}

func TestWithIDsMustNotReturnTheNilUUID(t *testing.T) {
	t.Parallel()
	s := newShop(t, signalcast.WithIDs(func() signalcast.UUID { return signalcast.UUID{} }))
	s.dispatch(t, ordersTo("orders"), s.backend)
	fault, ok := errors.AsType[*signalcast.EncodeError](s.send(t, order{}))
	require.True(t, ok)
	require.Equal(t, "metadata.id", fault.Fields[0].Path)
	require.Empty(t, s.backend.Messages())
}

const orderJSON = `{"number": "17", "customer": {"id": 4, "email": "a@example.org"}, "items": ["x"], "note": null}`

func TestSendJSONSendsLikeSend(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	data := order{Number: "17", Customer: customer{4, "a@example.org"}, Items: []string{"x"}}
	var received order
	connect(t, s, func(_ context.Context, e signalcast.Event[order]) error { received = e.Data; return nil })
	at := signalcast.WithTime(noon)
	require.NoError(t, s.send(t, data, at))
	require.NoError(t, s.registry.SendJSON(t.Context(), orderPlaced, []byte(orderJSON), at))

	require.Equal(t, data, received)
	sent := s.backend.Messages()
	require.NotEqual(t, sent[0].Event.ID, sent[1].Event.ID)
	sent[1].Event.ID = sent[0].Event.ID
	require.Equal(t, sent[0], sent[1])
}

func TestErrNotRegisteredSuggestsTheNearestName(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	for name, want := range map[string]string{
		"org.example.order.plced.v1": `event type "org.example.order.plced.v1": signal is not registered (did you mean "` + orderPlaced + `"?)`,
		"nothing.like.it":            `event type "nothing.like.it": signal is not registered`,
	} {
		err := s.registry.SendJSON(t.Context(), name, []byte(orderJSON))
		require.ErrorIs(t, err, signalcast.ErrNotRegistered)
		require.EqualError(t, err, want)
		_, planErr := s.dispatcher.Plan(name, []byte(orderJSON))
		require.Equal(t, err, planErr, "a dry run finds the same")
	}
}

func TestSendJSONRejectsInvalidData(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"an unknown field":          {`{"number": "1", "customer": {"id": 1, "email": "", "vip": true}}`, []string{"line 1", "vip"}},
		"a repeated field":          {`{"number": "1", "number": "1", "customer": {"id": 1, "email": ""}}`, []string{"number"}},
		"a missing field":           {`{"customer": {"id": 1}}`, []string{"number", "email"}},
		"a wrong type":              {"{\"number\": 1,\n \"customer\": {\"id\": \"x\", \"email\": \"\"}}", []string{"line 1", "line 2", "customer.id"}},
		"a fraction for an integer": {`{"number": "1", "customer": {"id": 1.5, "email": ""}}`, []string{"customer.id"}},
		"Go names":                  {`{"Number": "1", "Customer": {"ID": 1, "Email": ""}}`, []string{"Number"}},
		"nothing":                   {``, []string{"line 1"}},
		"null":                      {`null`, []string{"null"}},
		"what follows the data":     {orderJSON + `{}`, []string{"line 1"}},
		"invalid UTF-8":             {"{\"number\": \"\xff\", \"customer\": {\"id\": 1, \"email\": \"\"}}", []string{"number"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, []string{"orders"})
			received := false
			connect(t, s, func(context.Context, signalcast.Event[order]) error { received = true; return nil })
			err := s.registry.SendJSON(t.Context(), orderPlaced, []byte(c.text))
			require.ErrorAs(t, err, new(*signalcast.EncodeError))
			for _, want := range append(c.want, orderPlaced) {
				require.ErrorContains(t, err, want)
			}
			require.False(t, received)
			require.Empty(t, s.backend.Messages())

			_, planErr := s.dispatcher.Plan(orderPlaced, []byte(c.text))
			require.Equal(t, err, planErr, "a dry run finds the same")
		})
	}
}

func TestSendJSONAsyncDoesNotWait(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	s.backend.Hold()
	delivery, err := s.registry.SendJSONAsync(t.Context(), orderPlaced, []byte(orderJSON))
	require.NoError(t, err)
	require.Equal(t, signalcast.FatePending, deliveryError(t, delivery.Results()[0].Err).Fate)
	s.backend.Release()
	require.NoError(t, delivery.Wait(t.Context()))

	for name, text := range map[string]string{orderPlaced: `{}`, "org.example.unknown.v1": orderJSON} {
		delivery, err = s.registry.SendJSONAsync(t.Context(), name, []byte(text))
		require.Nil(t, delivery)
		require.Error(t, err)
	}
}
