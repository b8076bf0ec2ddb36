package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/backends/redis"
)

// backendForms are the URLs that name a broker, for people.
const backendForms = `  redis://[[user]:password@]host[:port][/db]
  rediss://…                        the same over TLS
  kafka://host:port[,host:port…]?registry=URL[&client=franz|kafka-go]
  kafkas://[key:secret@]host:port…  the same over TLS, with SASL PLAIN
  memory:                           nowhere: the event is encoded and forgotten`

// openBackend makes the backend that a URL names. No error shows the URL, which
// may hold a password.
//
// The backend registers schemas on use, not when it prepares: preparing writes nothing.
func openBackend(text string, timeout time.Duration) (signalcast.Backend, error) {
	switch scheme, _, _ := strings.Cut(text, ":"); scheme {
	case "redis", "rediss":
		return redis.New(redis.Config{URL: text, DeliveryTimeout: timeout})
	case "kafka", "kafkas":
		return openKafka(text, timeout)
	case "memory":
		return memory.New(), nil
	default:
		return nil, fmt.Errorf("--to is not the URL of a broker; allowed are\n%s", backendForms)
	}
}

func openKafka(text string, timeout time.Duration) (signalcast.Backend, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, fmt.Errorf("--to is not a URL of Kafka; allowed are\n%s", backendForms)
	}
	settings := u.Query()
	for name := range settings {
		if !slices.Contains([]string{"registry", "client"}, name) {
			return nil, fmt.Errorf("--to has the parameter %q; allowed are registry and client", name)
		}
	}
	c := franz.Config{Brokers: strings.Split(u.Host, ","), DeliveryTimeout: timeout, RegisterOnUse: true}
	if u.Scheme == "kafkas" {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if u.User != nil {
		c.SASLMechanism, c.SASLUsername = "PLAIN", u.User.Username()
		c.SASLPassword, _ = u.User.Password()
	}
	registry, err := url.Parse(settings.Get("registry"))
	if err != nil {
		return nil, errors.New("--to names a registry that is no URL; its special characters are percent-encoded")
	}
	if registry.User != nil {
		c.SchemaRegistryUsername = registry.User.Username()
		c.SchemaRegistryPassword, _ = registry.User.Password()
		registry.User = nil
	}
	c.SchemaRegistry = registry.String()
	switch client := settings.Get("client"); client {
	case "", "franz":
		return franz.New(c)
	case "kafka-go":
		return kafka.New(kafka.Config(c))
	default:
		return nil, fmt.Errorf("--to has the client %q; allowed are franz and kafka-go", client)
	}
}
