package adminhttp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/outbox"
)

var pages = []string{"", "routes", "route?event_type=" + badge + "&topic=prod-badges", "failures", "try", "switches", "configuration"}

var resources = []string{"overview", "live", "routes", "route?event_type=" + badge + "&topic=prod-badges", "failures", "switches", "configuration"}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := adminhttp.New(adminhttp.Config{
		Check: func(context.Context) error { return nil }, Relays: map[string]*outbox.Relay{"r": nil}, Consumers: map[string]*consume.Consumer{"c": nil},
	})
	require.EqualError(t, err, `adminhttp: Dispatcher: found nil; want the dispatcher to show
adminhttp: Registry: found nil; want the registry of the dispatcher
adminhttp: Configuration: found nil beside Check; want both, since the page shows the result of Check
adminhttp: Relays: found nil for "r"; want a relay
adminhttp: Consumers: found nil for "c"; want a consumer`)
	var fault *adminhttp.ConfigError
	require.ErrorAs(t, err, &fault)
	require.Equal(t, "Dispatcher", fault.Setting)

	a := newAdmin(t, nil)
	_, err = adminhttp.New(adminhttp.Config{Dispatcher: a.dispatcher, Registry: a.registry, TopicPrefix: "test"})
	require.EqualError(t, err, `adminhttp: TopicPrefix: found "test" and the topic "prod-badges"; want the prefix given to WithTopicPrefix`)
}

// Every response has the headers that make a browser run and load only the files of the page. The pages obey them: they have no
// inline style or script and no address of another host.
func TestPagesObeyTheirSecurityPolicy(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	require.NoError(t, a.send(created))
	inline := regexp.MustCompile(`<script>|<style|\son[a-z]+=|\sstyle=|(?:src|href|action)="(?:https?:)?//`)
	all := append([]string{"admin.css", "admin.js", "icon.svg", "missing", "api/v1/missing"}, pages...)
	for _, r := range resources {
		all = append(all, "api/v1/"+r)
	}
	for _, page := range all {
		w := a.do(http.MethodGet, page, "", nil)
		require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'", w.Header().Get("Content-Security-Policy"), page)
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), page)
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"), page)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"), page)
		require.NotRegexp(t, inline, w.Body.String(), page)
	}
}

// No page shows the data or the key of an event that was sent.
func TestPagesShowNoEventData(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	require.NoError(t, a.send(created))
	require.NotEmpty(t, a.backend.Messages())
	for _, page := range append(pages, "api/v1/live", "api/v1/overview", "api/v1/failures") {
		if page != "try" { // it shows a sample
			require.NotContains(t, a.get(page), "DemoX", page)
		}
	}
}

// The handler works at any path, with and without StripPrefix. Its links are relative.
func TestHandlerIsMountedAnywhere(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	mux := http.NewServeMux()
	mux.Handle("/deep/er/", a)
	mux.Handle("/stripped/", http.StripPrefix("/stripped", a))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for _, path := range []string{"/deep/er/", "/deep/er/routes", "/deep/er/api/v1/live", "/stripped/", "/stripped/switches", "/stripped/admin.css"} {
		answer, err := http.Get(server.URL + path) //nolint:noctx // a test
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
	}

	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ops/admin", nil))
	require.Equal(t, http.StatusNotFound, w.Code, "the last segment names the page")
}

// The address of the page without its slash redirects to the one with it. The redirect never leaves the host.
func TestAddressWithoutSlashIsRedirected(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	for uri, to := range map[string]string{
		"/ops":              "./ops/",
		"/ops?q=x":          "./ops/",
		"/a%2Fb":            "./a%2Fb/",
		"//evil.example":    "./evil.example/",
		"/https:evil":       "./https:evil/",
		`/\evil.example`:    `./\evil.example/`,
		"/deep/er/mount%20": "./mount%20/",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL.Path, r.RequestURI = "", uri // as http.StripPrefix leaves them
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		require.Equal(t, http.StatusPermanentRedirect, w.Code, uri)
		require.Equal(t, to, w.Header().Get("Location"), uri)
	}
}

// Pages are served while events are sent, routes are switched and the configuration is reloaded, without data races.
func TestPagesAreServedDuringChanges(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	var changes sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	change := func(f func() error) {
		changes.Go(func() {
			for ctx.Err() == nil {
				assert.NoError(t, f())
			}
		})
	}
	sample := []byte(a.sample(badge))
	change(func() error { return a.registry.SendJSON(t.Context(), badge, sample) })
	change(func() error {
		return errors.Join(a.dispatcher.SwitchOff(signalcast.Switch{EventType: created, Reason: "x"}), a.dispatcher.SwitchOn(created, "", ""))
	})
	more := config()
	more[badge]["more"] = topic(true, "badge.uuid")
	change(func() error {
		_, err := a.dispatcher.Reload(t.Context(), more)
		_, back := a.dispatcher.Reload(t.Context(), config())
		return errors.Join(err, back)
	})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for range 2 {
				for _, page := range pages {
					assert.Equal(t, http.StatusOK, a.do(http.MethodGet, page, "", nil).Code, page)
				}
				for _, resource := range resources {
					assert.Equal(t, http.StatusOK, a.do(http.MethodGet, "api/v1/"+resource, "", nil).Code, resource)
				}
			}
		})
	}
	readers.Wait()
	stop()
	changes.Wait()
}

func TestUnknownPagesAndMethods(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	for _, page := range []string{"missing", "api/v1/missing", "outbox", "consumers", "api/v1/outbox", "route?key=missing", "api/v1/route?key=missing", "try?event_type=x"} {
		require.Equal(t, http.StatusNotFound, a.do(http.MethodGet, page, "", nil).Code, page)
	}
	for page, allowed := range map[string]string{"routes": "GET, HEAD", "switches": "GET, HEAD, POST", "api/v1/try": "POST"} {
		w := a.do(http.MethodDelete, page, "", nil)
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, page)
		require.Equal(t, allowed, w.Header().Get("Allow"), page)
	}
	require.Equal(t, http.StatusOK, a.do(http.MethodHead, "", "", nil).Code)
}

// The files of the pages load fast over a slow connection.
func TestFilesAreSmall(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	require.LessOrEqual(t, len(a.get("admin.css")), 12<<10)
	require.LessOrEqual(t, len(a.get("admin.js")), 15<<10)
}
