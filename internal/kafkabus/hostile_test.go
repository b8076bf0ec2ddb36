package kafkabus_test

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// TestMalformedRegistryResponseIsRetried uses one client: they share the registry's.
func TestMalformedRegistryResponseIsRetried(t *testing.T) {
	t.Parallel()
	const password = "s3cret"
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for name, answer := range map[string]http.HandlerFunc{
		"nothing":                    write(""),
		"text":                       write("hello"),
		"a page":                     write("<html>" + strings.Repeat("x", 1<<16) + "</html>"),
		"JSON of another kind":       write(`[1, 2]`),
		"an ID that is no number":    write(`{"id": "seven"}`),
		"an ID beyond numbers":       write(`{"id": 99999999999999999999}`),
		"an ID beyond 32 bits":       write(`{"id": 4294967297}`),
		"an answer of 16 MiB":        write(strings.Repeat(" ", 1<<24) + `{"id": 1}`),
		"half an answer":             write(`{"id": `),
		"an error without a code":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusInternalServerError) },
		"an answer that never comes": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a redirection to itself":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"one byte after another":     drip,
		"an error that quotes the secret": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"message": "`+password+`"}`, http.StatusInternalServerError)
		},
		"an error that quotes the request": func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, r.Header.Get("Authorization"), http.StatusInternalServerError)
		},
		"a long error": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.Repeat("x", 1<<16), http.StatusInternalServerError)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client disconnected
				answer(w, r)
			}))
			t.Cleanup(registry.Close)
			b := start(t, func(c kafkabus.Config) (signalcast.Backend, error) { return franz.New(c) }, kafkabus.Config{
				Brokers: []string{nowhere}, SchemaRegistry: registry.URL,
				SchemaRegistryUsername: "name", SchemaRegistryPassword: password, RequestTimeout: time.Second,
			})
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			began := time.Now()
			err := b.Prepare(ctx, []signalcast.Route{newSchemas().route("t")})
			require.Error(t, err)
			require.Less(t, time.Since(began), patience, "Prepare is bounded by its context")
			require.NotContains(t, err.Error(), password)
			require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString([]byte("name:"+password)))
			require.Less(t, len(err.Error()), 4096)
		})
	}
}

// drip sends one byte at a time while the client reads.
func drip(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}
