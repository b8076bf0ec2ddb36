package adminhttp_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/openedx"
)

// troubled is a backend with one topic in trouble.
type troubled struct {
	*memory.Backend

	since time.Time
}

func (b *troubled) Troubles() []signalcast.Trouble {
	if b.since.IsZero() {
		return nil
	}
	return []signalcast.Trouble{{Topic: "badges", Since: b.since, Err: errors.New("dial tcp 192.0.2.1:6379: connection refused")}}
}

func TestReadinessDependsOnTroublesOnlyWithFailAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		backend := &troubled{Backend: memory.New()}
		registry := signalcast.NewRegistry()
		require.NoError(t, registry.Register(openedx.Signals()...))
		d, err := signalcast.NewDispatcher(t.Context(), registry, signalcast.ProducerConfig{badge: {"badges": topic(true, "badge.uuid")}}, backend)
		require.NoError(t, err)
		status := func(probe http.Handler) (int, string) {
			w := httptest.NewRecorder()
			probe.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
			return w.Code, w.Body.String()
		}
		require200 := func(probe http.Handler) {
			t.Helper()
			code, _ := status(probe)
			require.Equal(t, http.StatusOK, code)
		}
		always, minute := adminhttp.Ready(d, 0), adminhttp.Ready(d, time.Minute)
		require200(adminhttp.Live())
		require200(always)
		require200(minute)
		backend.since = time.Now()
		time.Sleep(time.Minute)
		require200(minute)
		time.Sleep(time.Second)
		require200(always)
		code, text := status(minute)
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "not ready: delivery has failed for 1m1s\n", text)
		backend.since = time.Time{}
		require200(minute)
		require.NoError(t, d.Close(t.Context()))
		code, text = status(always)
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "not ready: the dispatcher is closed\n", text)
		require200(adminhttp.Live())
	})
}
