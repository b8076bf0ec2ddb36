package adminhttp

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/signalcast/signalcast"
)

// Live returns a probe that answers 200 as long as the process serves requests.
func Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		probed(w, http.StatusOK, "live")
	})
}

// Ready returns a probe that answers 200, or 503 after the dispatcher was closed.
//
// If failAfter is positive, the probe also answers 503 while a topic has been in trouble for longer. The default should
// be 0. An orchestrator that takes services out of rotation for the outage of a broker turns it into an outage of the
// service, and one that restarts them loses the messages that wait in the buffer.
//
// The probe never asks a broker. It answers every client, and tells no names.
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
