package adminhttp_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
	source "github.com/signalcast/signalcast/consume/memory"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/outbox"
	store "github.com/signalcast/signalcast/outbox/memory"
)

// The consumers page shows the messages that wait for their next attempt, with the errors.
func TestConsumersAreShown(t *testing.T) {
	t.Parallel()
	bus := memory.New()
	var consumer *consume.Consumer
	a := newAdmin(t, func(c *adminhttp.Config) {
		registry := signalcast.NewRegistry()
		require.NoError(t, registry.Register(openedx.Signals()...))
		var err error
		consumer, err = consume.New(registry, source.NewSource(bus, "catalog", "prod-badges"), consume.Config{
			Grace: time.Millisecond, HandleAll: true, Handle: func(context.Context, *signalcast.Received) error {
				return errors.New("the database is away" + strings.Repeat("!", 1000))
			},
		})
		require.NoError(t, err)
		c.Consumers = map[string]*consume.Consumer{"catalog-reader": consumer}
	})
	require.Contains(t, a.get("consumers"), "<b>Not running</b>")
	require.Contains(t, a.get(""), ">Consumers</a>")
	messages, err := a.dispatcher.Plan(badge, []byte(a.sample(badge)))
	require.NoError(t, err)
	require.NoError(t, bus.Publish(t.Context(), messages[0], func(signalcast.Receipt, error) {}))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	require.Eventually(t, func() bool {
		return strings.Contains(a.get("consumers"), "the database is away")
	}, 20*time.Second, time.Millisecond)
	page := a.get("consumers")
	require.LessOrEqual(t, strings.Count(page, "!"), 500, "a long error is shortened")
	require.Contains(t, page, "Running as group <b>catalog</b>.")
	require.Contains(t, page, "Waiting for the next attempt")
	require.Contains(t, a.get("api/v1/consumers"), `"event_type":"`+badge+`"`)
	cancel()
	require.NoError(t, <-ended)
}

// The outbox page shows the rows and the relays, or the error of the database.
func TestOutboxIsShown(t *testing.T) {
	t.Parallel()
	s := store.New()
	relay, err := outbox.NewRelay(s, memory.New(), outbox.Config{})
	require.NoError(t, err)
	a := newAdmin(t, func(c *adminhttp.Config) {
		c.Outbox, c.Relays = s.Status, map[string]*outbox.Relay{"main": relay}
	})
	messages, err := a.dispatcher.Plan(badge, []byte(a.sample(badge)))
	require.NoError(t, err)
	require.NoError(t, s.InTx(t.Context(), func(ctx context.Context) error { return s.Insert(ctx, messages) }))
	page := a.get("outbox")
	require.Contains(t, page, "<dt>Pending<dd>1</div>")
	require.Contains(t, page, "No relay has the lease")
	require.Contains(t, page, `<th scope="row">main<td>stands by`)
	require.Contains(t, a.get("api/v1/outbox"), `"pending":1`)

	failing := newAdmin(t, func(c *adminhttp.Config) {
		c.Outbox = func(ctx context.Context) (outbox.Status, error) {
			_, bounded := ctx.Deadline()
			require.True(t, bounded)
			return outbox.Status{}, errors.New("connection refused")
		}
	})
	require.Contains(t, failing.get("outbox"), "connection refused")
}
