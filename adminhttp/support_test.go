package adminhttp_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/openedx"
)

const (
	created = "org.openedx.learning.course.enrollment.created.v1"
	badge   = "org.openedx.learning.badge.awarded.v1"
)

// admin is a handler for a dispatcher with the memory backend.
type admin struct {
	*adminhttp.Handler

	t          *testing.T
	backend    *memory.Backend
	registry   *signalcast.Registry
	dispatcher *signalcast.Dispatcher
}

func operator(*http.Request) adminhttp.Access {
	return adminhttp.Access{User: "ops", View: true, Operate: true}
}

func topic(enabled bool, key string) signalcast.TopicConfig {
	return signalcast.TopicConfig{Enabled: &enabled, EventKeyField: &key}
}

func config() signalcast.ProducerConfig {
	return signalcast.ProducerConfig{
		created: {"enrollments": topic(true, "enrollment.course.course_key"), "audit": topic(false, "enrollment.user.id")},
		badge:   {"badges": topic(true, "badge.uuid")},
	}
}

// newAdmin returns a handler for a dispatcher with the configuration config(). set changes the Config of the handler.
func newAdmin(t *testing.T, set func(*adminhttp.Config)) *admin {
	t.Helper()
	return newAdminOf(t, config(), set)
}

func newAdminOf(t *testing.T, producers signalcast.ProducerConfig, set func(*adminhttp.Config)) *admin {
	t.Helper()
	a := &admin{t: t, backend: memory.New(), registry: signalcast.NewRegistry()}
	require.NoError(t, a.registry.Register(openedx.Signals()...))
	var err error
	a.dispatcher, err = signalcast.NewDispatcher(t.Context(), a.registry, producers, a.backend, signalcast.WithTopicPrefix("prod"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.dispatcher.Close(t.Context())) })
	c := adminhttp.Config{Dispatcher: a.dispatcher, Registry: a.registry, Access: operator, TopicPrefix: "prod"}
	if set != nil {
		set(&c)
	}
	a.Handler, err = adminhttp.New(c)
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

// send sends a sample of an event type.
func (a *admin) send(eventType string) error {
	sample, err := a.registry.Sample(eventType)
	require.NoError(a.t, err)
	return a.registry.SendJSON(a.t.Context(), eventType, sample)
}

// do returns the response to a request from this machine. set changes the request.
func (a *admin) do(method, path, body string, set func(*http.Request)) *httptest.ResponseRecorder {
	a.t.Helper()
	r := httptest.NewRequestWithContext(a.t.Context(), method, "http://localhost/admin/"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:4711"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if strings.HasPrefix(path, "api/") {
			r.Header.Set("Content-Type", "application/json")
		}
	}
	if set != nil {
		set(r)
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// get returns a page, which must exist.
func (a *admin) get(path string) string {
	a.t.Helper()
	w := a.do(http.MethodGet, path, "", nil)
	require.Equal(a.t, http.StatusOK, w.Code, w.Body)
	return w.Body.String()
}

// post posts a form and returns the response.
func (a *admin) post(path string, form map[string]string) *httptest.ResponseRecorder {
	a.t.Helper()
	values := url.Values{}
	for name, value := range form {
		values.Set(name, value)
	}
	return a.do(http.MethodPost, path, values.Encode(), nil)
}

// api returns a resource of the JSON API.
func (a *admin) api(name string) (v map[string]any) {
	a.t.Helper()
	require.NoError(a.t, json.NewDecoder(strings.NewReader(a.get("api/v1/"+name))).Decode(&v))
	return v
}

// postAPI posts JSON and returns the status and the body of the response.
func (a *admin) postAPI(name, body string) (status int, v map[string]any) {
	a.t.Helper()
	w := a.do(http.MethodPost, "api/v1/"+name, body, nil)
	text, err := io.ReadAll(w.Body)
	require.NoError(a.t, err)
	require.NoError(a.t, json.Unmarshal(text, &v), "%s", text)
	return w.Code, v
}

// state returns the sentence of the state.
func (a *admin) state() string {
	a.t.Helper()
	state, ok := a.api("live")["state"].(map[string]any)
	require.True(a.t, ok)
	text, ok := state["text"].(string)
	require.True(a.t, ok)
	require.Contains(a.t, a.get(""), text)
	return text
}

// get gets a page of a benchmark.
func get(tb testing.TB, h http.Handler, page string) {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "http://localhost/"+page, nil))
	require.Equal(tb, http.StatusOK, w.Code)
}
