package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
)

func TestRedissTrustsTheCertificatesOfTheSystem(t *testing.T) {
	t.Parallel()
	certificate, authority := newCertificate(t)
	server := miniredis.NewMiniRedis()
	require.NoError(t, server.StartTLS(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}))
	t.Cleanup(server.Close)
	shell := newShell(t, filepath.Join("testdata", "cli"), server.Addr())
	send := "signalcast send org.openedx.learning.course.enrollment.created.v1 -c base.json -c site.yaml --data data.json --timeout 2s --to rediss://" +
		server.Addr() + "/0"
	require.Contains(t, shell("SSL_CERT_FILE="+authority+" "+send), "delivered  enrollments: ID ")
	require.Contains(t, shell(send+` || echo "exit code $?"`), "exit code 1")
	require.Equal(t, []string{"enrollments"}, server.Keys())
}

// newCertificate returns a certificate for 127.0.0.1, and a file with the authority that signed it.
func newCertificate(t *testing.T) (certificate tls.Certificate, file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}
