//go:build integration

package redis_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/backends/redis"
)

func TestConformanceOverRealServers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		options []string
		config  func(testing.TB, *server, *redis.Config)
	}{
		"plain": {config: func(testing.TB, *server, *redis.Config) {}},
		"with a password": {
			options: []string{"--pass", "p@ss/word"},
			config:  func(_ testing.TB, _ *server, c *redis.Config) { c.Password = "p@ss/word" },
		},
		"over TLS": {
			options: []string{"--tls"},
			config: func(t testing.TB, s *server, c *redis.Config) {
				t.Helper()
				c.URL = s.tlsURL
				c.TLS = s.trusted(t)
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, test.options...)
			backendtest.Run(t, backendtest.Harness{
				NoKeys:         true,
				RejectedTopics: []string{""},
				New: func(t testing.TB, limits backendtest.Limits) backendtest.Subject {
					t.Helper()
					c := limited(s.url, limits)
					test.config(t, s, &c)
					start := func() { s.signal(t, syscall.SIGCONT) }
					t.Cleanup(start)
					return backendtest.Subject{
						Backend: newBackend(t, c),
						Read: func(topic string) []backendtest.Record {
							t.Helper()
							return records(context.Background(), t, s.client, topic)
						},
						Stop:  func() { s.signal(t, syscall.SIGSTOP) },
						Start: start,
					}
				},
			})
		})
	}
}

func TestUntrustedCertificateFailsAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--tls")
	b := newBackend(t, redis.Config{URL: s.tlsURL})
	f := newFates()
	f.publish(t, b, "s", 1, 10)
	flush(t, b)
	failure := f.failure(t)
	require.Equal(t, signalcast.FateNotWritten, failure.Fate)
	var cause *tls.CertificateVerificationError
	require.ErrorAs(t, failure, &cause)
	require.ErrorAs(t, b.Prepare(t.Context(), []signalcast.Route{{EventType: "e", Topic: "s"}}), &cause)
}

// trusted returns a TLS configuration that trusts the server.
func (s *server) trusted(t testing.TB) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(s.dir, "certs", "ca.pem"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}
