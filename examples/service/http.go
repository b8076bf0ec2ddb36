package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/outbox"
)

// serveHTTP serves the API, the admin page, metrics and probes.
func (s *service) serveHTTP(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.settings.listen)
	if err != nil {
		return err
	}
	s.url = "http://" + listener.Addr().String()
	admin, err := s.adminPage()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	api := &api{&enrollments{s.db, s.registry}, s.totals, s.log}
	mux.Handle("/", s.telemetry.requests(api.handler()))
	mux.Handle("/admin/", requirePassword(s.settings.adminPassword, admin))
	mux.Handle("/metrics", s.telemetry.metrics)
	mux.Handle("/livez", adminhttp.Live())
	mux.Handle("/readyz", adminhttp.Ready(s.dispatcher, 0))

	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	served := s.background(func(context.Context) error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	s.stopHTTP = func(ctx context.Context) error {
		defer admin.Close()
		defer server.Close() //nolint:errcheck // ends the requests that did not end before the timeout of Shutdown
		return errors.Join(server.Shutdown(ctx), served(ctx))
	}
	return nil
}

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

// requirePassword serves requests that have the password, with any user name. If password is empty, it serves requests without a
// password.
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
