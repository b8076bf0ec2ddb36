package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

func TestOnlyTrustedServersAreUsed(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	for name, c := range map[string]struct {
		served tls.Certificate
		want   string // empty: trusted
	}{
		"signed by our authority":    {ours.issue(t, "127.0.0.1", time.Hour), ""},
		"signed by another one":      {theirs.issue(t, "127.0.0.1", time.Hour), "signed by unknown authority"},
		"expired":                    {ours.issue(t, "127.0.0.1", -time.Minute), "expired"},
		"of another host":            {ours.issue(t, "192.0.2.1", time.Hour), "not 127.0.0.1"},
		"of another host, by a name": {ours.issue(t, "redis.example.org", time.Hour), "127.0.0.1"},
	} {
		t.Run("a certificate "+name, func(t *testing.T) {
			t.Parallel()
			server := miniredis.NewMiniRedis()
			server.RequireUserAuth("app", password)
			require.NoError(t, server.StartTLS(&tls.Config{Certificates: []tls.Certificate{c.served}}))
			t.Cleanup(server.Close)
			var log safeBuffer
			b := newBackend(t, redis.Config{
				URL: "rediss://app:" + password + "@" + server.Addr(), TLS: &tls.Config{RootCAs: ours.pool()},
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			rejected := b.Prepare(t.Context(), []signalcast.Route{{EventType: "e", Topic: "s"}})
			f := newFates()
			f.publish(t, b, "s", 1, 10)
			flush(t, b)
			require.NotContains(t, log.String(), password)
			if c.want == "" {
				require.NoError(t, rejected)
				f.requireDelivered(t, 10)
				return
			}
			failure := f.failure(t)
			require.Equal(t, signalcast.FateNotWritten, failure.Fate)
			for _, err := range []error{rejected, failure} {
				require.ErrorAs(t, err, new(*tls.CertificateVerificationError))
				require.ErrorContains(t, err, c.want)
				require.NotContains(t, err.Error(), password)
			}
		})
	}
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(encoded)
	require.NoError(t, err)
	return authority{certificate, key}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// issue returns a certificate for the host, an address or a name, which ends
// that long from now.
func (a authority) issue(t *testing.T, host string, left time.Duration) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "server"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(left),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{encoded}, PrivateKey: key}
}
