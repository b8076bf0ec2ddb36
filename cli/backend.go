package cli

import (
	"cmp"
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
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/backends/redis"
)

// brokerForms are the forms of the URL of a broker to write to.
const brokerForms = `  redis://[[user]:password@]host[:port][/db]
  rediss://…                        the same over TLS
  kafka://host:port[,host:port…]?registry=URL[&client=kafka-go|franz]
  kafkas://[key:secret@]host:port…  the same over TLS, with SASL PLAIN`

// backendForms are the forms of the URL of a backend: of a broker, or of the memory of the process.
const backendForms = brokerForms + `
  memory:                           no broker: the event is encoded only`

// openBackend returns the backend for the URL in --to. Errors do not show the URL, which may contain a
// password. A Kafka backend registers schemas with the first message, so Prepare writes nothing. The
// options apply to Kafka only.
func openBackend(text string, timeout time.Duration, options ...func(*kafkaconfig.Config)) (signalcast.Backend, error) {
	if timeout < time.Millisecond {
		return nil, fmt.Errorf("--timeout: found %v; want 1ms or more", timeout)
	}
	switch scheme, _, _ := strings.Cut(text, ":"); scheme {
	case "redis", "rediss":
		backend, err := redis.New(redis.Config{URL: text, DeliveryTimeout: timeout})
		if invalid, ok := errors.AsType[*redis.ConfigError](err); ok && invalid.Field == "URL" {
			return nil, fmt.Errorf("--to: %s; want redis://[[user]:password@]host[:port][/db], with special characters percent-encoded", invalid.Found)
		}
		return backend, err
	case "kafka", "kafkas":
		return openKafka(text, timeout, options)
	case "memory":
		return memory.New(), nil
	default:
		return nil, fmt.Errorf("--to: found an unknown scheme; want one of\n%s", backendForms)
	}
}

func openKafka(text string, timeout time.Duration, options []func(*kafkaconfig.Config)) (signalcast.Backend, error) {
	if timeout < time.Second {
		return nil, fmt.Errorf("--timeout: found %v; want 1s or more for Kafka", timeout)
	}
	c, client, err := kafkaConfig("--to", text, "kafka-go", "franz")
	if err != nil {
		return nil, err
	}
	c.DeliveryTimeout, c.RegisterOnUse = timeout, true
	for _, option := range options {
		option(&c)
	}
	if client == "franz" {
		backend, err := franz.New(c)
		return backend, asFlags("--to", err)
	}
	backend, err := kafka.New(c)
	return backend, asFlags("--to", err)
}

// kafkaConfig returns the configuration in a Kafka URL, and the client that it names or the first of clients. If clients is empty, the URL must
// name none. flag is the flag with the URL.
func kafkaConfig(flag, text string, clients ...string) (c kafkaconfig.Config, client string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return c, "", fmt.Errorf("%s: found a malformed Kafka URL; want kafka://host:port[,host:port…]?registry=URL, or kafkas:// for TLS", flag)
	}
	settings := u.Query()
	for name := range settings {
		switch {
		case name == "registry", name == "client" && len(clients) > 0:
		case name == "client":
			return c, "", fmt.Errorf("%s: found the parameter \"client\", which chooses how to publish; want only registry, since franz-go alone reads from Kafka", flag)
		case len(clients) > 0:
			return c, "", fmt.Errorf("%s: found the parameter %q; want registry or client", flag, name)
		default:
			return c, "", fmt.Errorf("%s: found the parameter %q; want registry", flag, name)
		}
	}
	c.Brokers = strings.Split(u.Host, ",")
	if u.Scheme == "kafkas" {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if u.User != nil {
		if c.TLS == nil {
			return c, "", fmt.Errorf("%s: found credentials in a kafka URL, which sends them unencrypted; want kafkas", flag)
		}
		c.SASLMechanism, c.SASLUsername = "PLAIN", u.User.Username()
		c.SASLPassword, _ = u.User.Password()
		if c.SASLUsername == "" || c.SASLPassword == "" {
			return c, "", fmt.Errorf("%s: found a key without a secret, or a secret without a key; want kafkas://key:secret@host:port", flag)
		}
	}
	registry, err := url.Parse(settings.Get("registry"))
	if err != nil {
		return c, "", fmt.Errorf("%s: registry: found a malformed URL; want one such as http://localhost:8081, with special characters percent-encoded", flag)
	}
	if registry.User != nil {
		c.SchemaRegistryUsername = registry.User.Username()
		c.SchemaRegistryPassword, _ = registry.User.Password()
		registry.User = nil
	}
	c.SchemaRegistry = registry.String()
	if len(clients) > 0 {
		client = cmp.Or(settings.Get("client"), clients[0])
	}
	switch {
	case client != "" && !slices.Contains(clients, client):
		return c, "", fmt.Errorf("%s: client: found %q; want %s", flag, client, strings.Join(clients, " or "))
	case c.SchemaRegistry == "":
		return c, "", fmt.Errorf("%s: registry: missing; want ?registry=URL, such as kafka://localhost:9092?registry=http://localhost:8081", flag)
	}
	return c, client, nil
}

// asFlags replaces each error about a field of the configuration by one about the part of the command line
// that sets the field. flag is the flag with the URL.
func asFlags(flag string, err error) error {
	var faults []error
	for _, fault := range flatten(err) {
		if field, ok := errors.AsType[*kafkaconfig.ConfigError](fault); ok {
			name, _, _ := strings.Cut(field.Field, "[") // Brokers[0]
			part := map[string]string{
				"Brokers": ": host", "SchemaRegistry": ": registry", "SchemaRegistryUsername": ": user of the registry",
				"SchemaRegistryPassword": ": password of the registry", "SASLUsername": ": key", "SASLPassword": ": secret",
			}[name]
			where := field.Field
			switch {
			case part != "":
				where = flag + part
			case name == "DeliveryTimeout":
				where = "--timeout"
			}
			fault = fmt.Errorf("%s: %s; want %s", where, field.Found, field.Want)
		}
		faults = append(faults, fault)
	}
	return errors.Join(faults...)
}

// flatten returns the errors that err joins, or err itself. It returns nil for nil.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
