package main

import (
	"crypto/subtle"
	"net/http"

	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/outbox"
)

// adminPage returns the page of the operators. With a password, it can also switch routes off. Without one, it shows itself to
// the same machine only.
func (s *service) adminPage() (*adminhttp.Handler, error) {
	c := adminhttp.Config{
		Service: "enrolments", Dispatcher: s.dispatcher, Registry: s.registry, TopicPrefix: s.settings.prefix,
		Configuration: s.watcher.Status, Check: s.watcher.Check,
		Outbox:    s.db.store.Status,
		Relays:    map[string]*outbox.Relay{"relay": s.relay},
		Consumers: map[string]*consume.Consumer{group: s.consumer},
	}
	if s.settings.adminPassword != "" {
		c.Access = func(r *http.Request) adminhttp.Access {
			user, _, _ := r.BasicAuth() // names the operator in the log of switches
			return adminhttp.Access{User: user, View: true, Operate: true}
		}
	}
	return adminhttp.New(c)
}

// requirePassword passes on requests with the password, whatever their user name. An empty password passes on all.
func requirePassword(password string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, given, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(given), []byte(password)) == 0 {
			w.Header().Set("WWW-Authenticate", `Basic realm="admin"`)
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}
