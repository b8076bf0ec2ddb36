package adminhttp

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/signalcast/signalcast"
)

// Live returns a probe that responds with status 200 as long as the process serves requests.
func Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		probed(w, http.StatusOK, "live")
	})
}

// Ready returns a probe that responds with status 200, or with 503 after d was closed.
//
// If failAfter is positive, the probe also responds with 503 while a topic has been in trouble for longer than that. Prefer 0.
// With a positive value, an orchestrator that stops sending requests to the service turns the outage of a broker into an outage
// of the service. An orchestrator that restarts the service loses the messages in its buffer.
//
// The probe does no I/O. It permits every client, and its response contains no names.
func Ready(d *signalcast.Dispatcher, failAfter time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		health := d.Health()
		if health.Closed {
			probed(w, http.StatusServiceUnavailable, "not ready: the dispatcher is closed")
			return
		}
		var longest time.Duration
		for _, t := range health.Troubles {
			longest = max(longest, time.Since(t.Since))
		}
		if failAfter > 0 && longest > failAfter {
			probed(w, http.StatusServiceUnavailable, fmt.Sprintf("not ready: delivery has failed for %v", longest.Round(time.Second)))
			return
		}
		probed(w, http.StatusOK, "ready")
	})
}

func probed(w http.ResponseWriter, status int, text string) {
	setHeaders(w.Header())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the client has gone
}
