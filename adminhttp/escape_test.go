package adminhttp_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/outbox"
	store "github.com/signalcast/signalcast/outbox/memory"
)

// No name, reason, error or parameter can add an element or an attribute to a page.
func TestPagesEscapeEveryText(t *testing.T) {
	t.Parallel()
	const hostile = `"'><script>alert(1)</script><a onclick=x y="`
	relay, err := outbox.NewRelay(store.New(), memory.New(), outbox.Config{})
	require.NoError(t, err)
	producers := config()
	producers[badge][hostile] = topic(true, "badge.uuid")
	loaded := &configfile.Loaded{Layers: []signalcast.Layer{{Name: hostile, Config: producers}}}
	loaded.Merged, loaded.Provenance = signalcast.MergeLayers(loaded.Layers...)
	a := newAdminOf(t, producers, func(c *adminhttp.Config) {
		c.Service = hostile
		c.Relays = map[string]*outbox.Relay{hostile: relay}
		c.Outbox = func(context.Context) (outbox.Status, error) { return outbox.Status{}, errors.New(hostile) }
		c.Access = func(*http.Request) adminhttp.Access {
			return adminhttp.Access{User: hostile, View: true, Operate: true}
		}
		c.Configuration = func() configfile.WatchStatus {
			return configfile.WatchStatus{Loaded: loaded, Err: errors.New(hostile), Since: time.Now()}
		}
	})
	a.backend.Inject(memory.Fault{Err: errors.New(hostile), Fate: signalcast.FateNotWritten, Times: 1})
	require.Error(t, a.send(badge))
	require.Equal(t, http.StatusSeeOther, a.post("switches", map[string]string{"event_type": badge, "reason": hostile}).Code)
	parameters := url.Values{}
	for _, name := range []string{"q", "event_type", "topic", "state", "sort"} {
		parameters.Set(name, hostile)
	}
	for _, page := range append(pages, "outbox", "route?event_type="+badge+"&topic="+url.QueryEscape("prod-"+hostile), "routes?"+parameters.Encode(), "switches?"+parameters.Encode()) {
		body := a.get(page)
		require.Contains(t, body, "alert(1)", page)
		require.NotContains(t, body, "<script>", page)
		require.NotContains(t, body, "<a onclick", page)
	}
	form := map[string]string{"event_type": hostile, "topic": hostile, "reason": hostile, "data": hostile, "metadata": hostile, "partitions": hostile}
	for _, page := range []string{"switches", "try"} {
		body := a.post(page, form).Body.String()
		require.Contains(t, body, "alert(1)", page)
		require.NotContains(t, body, "<script>", page)
	}
}
