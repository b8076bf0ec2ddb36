package adminhttp_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/openedx"
)

// watched returns a handler with a watcher of a base file and a site file.
func watched(t *testing.T) (a *admin, site string) {
	t.Helper()
	dir := t.TempDir()
	base, site := filepath.Join(dir, "base.yaml"), filepath.Join(dir, "site.yaml")
	write(t, base, badge+":\n  badges: {event_key_field: badge.uuid, enabled: false}\n")
	write(t, site, badge+":\n  badges: {enabled: true}\n")
	a = &admin{t: t, backend: memory.New(), registry: signalcast.NewRegistry()}
	require.NoError(t, a.registry.Register(openedx.Signals()...))
	loaded, err := configfile.Load(a.registry, configfile.File(base), configfile.File(site))
	require.NoError(t, err)
	a.dispatcher, err = signalcast.NewDispatcher(t.Context(), a.registry, loaded.Merged, a.backend)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.dispatcher.Close(context.Background())) })
	watcher, err := configfile.Watch(a.dispatcher, loaded, configfile.WatchConfig{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, watcher.Close(context.Background())) })
	a.Handler, err = adminhttp.New(adminhttp.Config{
		Dispatcher: a.dispatcher, Registry: a.registry, Access: operator, Configuration: watcher.Status, Check: watcher.Check,
	})
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a, site
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// The page of a route shows its settings in each layer, and which of them are overridden.
func TestRouteShowsItsLayers(t *testing.T) {
	t.Parallel()
	a, site := watched(t)
	page := a.get("route?event_type=" + badge + "&topic=badges")
	require.Contains(t, page, "<s>false</s>")
	require.Contains(t, page, site+":2:12")
	settings, ok := a.api("route?event_type=" + badge + "&topic=badges")["settings"].([]any)
	require.True(t, ok)
	require.Len(t, settings, 3)
	require.Contains(t, a.try(`{"event_type": "` + badge + `", "data": ` + a.sample(badge) + `}`).Topics[0].Why, "enabled by "+site+":2:12")
}

func (a *admin) sample(eventType string) string {
	sample, err := a.registry.Sample(eventType)
	require.NoError(a.t, err)
	return string(sample)
}

// Check shows problems with their places, and the last valid configuration stays in effect.
func TestCheckShowsFaultsAndAppliesChanges(t *testing.T) {
	t.Parallel()
	a, site := watched(t)
	write(t, site, badge+":\n  badges: {enabled: maybe}\n")
	w := a.post("configuration", nil)
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	require.Contains(t, w.Body.String(), site+":2:12")
	require.Contains(t, w.Body.String(), "want true or false")
	require.Contains(t, a.state(), "The new configuration is not in effect.")
	require.NoError(t, a.send(badge))
	require.Len(t, a.backend.Messages(), 1)

	write(t, site, badge+":\n  badges: {enabled: true}\n  more: {event_key_field: badge.uuid, enabled: true}\n")
	status, answer := a.postAPI("check", "{}")
	require.Equal(t, http.StatusOK, status)
	require.Nil(t, answer["rejected"])
	require.EqualValues(t, 2, answer["generation"])
	require.Len(t, a.dispatcher.Routes(), 2)
	require.Contains(t, a.get("configuration"), "<code>"+site+"</code>")
}

// Errors without a place in a file are shown too.
func TestOtherErrorsOfTheConfigurationAreShown(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, func(c *adminhttp.Config) {
		c.Configuration = func() configfile.WatchStatus {
			return configfile.WatchStatus{Err: errors.Join(errors.New("open site.yaml: permission denied"), errors.New("open b.yaml: no such file"))}
		}
	})
	page := a.get("configuration")
	require.Contains(t, page, "open site.yaml: permission denied")
	require.Contains(t, page, "open b.yaml: no such file")
	require.Equal(t, http.StatusNotFound, a.post("configuration", nil).Code, "without Check")
	require.Contains(t, newAdmin(t, nil).get("configuration"), "does not say where its configuration comes from")
}
