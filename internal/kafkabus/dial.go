package kafkabus

import (
	"context"
	"crypto/tls"
	"net"
)

// Dialer returns the function that connects to brokers as c says.
func Dialer(c Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return dialer(c, c.TLS)
}

func dialer(c Config, t *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: c.DialTimeout}
	if t == nil {
		return plain.DialContext
	}
	return (&tls.Dialer{NetDialer: plain, Config: t}).DialContext
}
