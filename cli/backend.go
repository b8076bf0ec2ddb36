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

// backendForms are the forms of the URL of a broker.
const backendForms = `  redis://[[user]:password@]host[:port][/db]
  rediss://…                        the same over TLS
  kafka://host:port[,host:port…]?registry=URL[&client=kafka-go|franz]
  kafkas://[key:secret@]host:port…  the same over TLS, with SASL PLAIN
  memory:                           no broker: the event is encoded only`

// openBackend returns the backend for a URL. Errors do not show the URL, which may contain a
// password. The backend registers schemas on use, so that Prepare writes nothing. Options apply to
// Kafka only.
func openBackend(text string, timeout time.Duration, options ...func(*kafkaconfig.Config)) (signalcast.Backend, error) {
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
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, fmt.Errorf("--to: found a malformed Kafka URL; want one of\n%s", backendForms)
	}
	settings := u.Query()
	for name := range settings {
		if !slices.Contains([]string{"registry", "client"}, name) {
			return nil, fmt.Errorf("--to: found the parameter %q; want registry or client", name)
		}
	}
	if timeout < time.Second {
		return nil, fmt.Errorf("--timeout: found %v; want 1s or more for Kafka", timeout)
	}
	c := franz.Config{Brokers: strings.Split(u.Host, ","), DeliveryTimeout: timeout, RegisterOnUse: true}
	if u.Scheme == "kafkas" {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if u.User != nil {
		if c.TLS == nil {
			return nil, errors.New("--to: found credentials in a kafka URL, which sends them unencrypted; want kafkas")
		}
		c.SASLMechanism, c.SASLUsername = "PLAIN", u.User.Username()
		c.SASLPassword, _ = u.User.Password()
		if c.SASLUsername == "" || c.SASLPassword == "" {
			return nil, errors.New("--to: found a key without a secret, or a secret without a key; want kafkas://key:secret@host:port")
		}
	}
	registry, err := url.Parse(settings.Get("registry"))
	if err != nil {
		return nil, errors.New("--to: registry: found a malformed URL; want one such as http://localhost:8081, with special characters percent-encoded")
	}
	if registry.User != nil {
		c.SchemaRegistryUsername = registry.User.Username()
		c.SchemaRegistryPassword, _ = registry.User.Password()
		registry.User = nil
	}
	c.SchemaRegistry = registry.String()
	for _, option := range options {
		option(&c)
	}
	client := cmp.Or(settings.Get("client"), "kafka-go")
	switch {
	case client != "franz" && client != "kafka-go":
		return nil, fmt.Errorf("--to: client: found %q; want kafka-go or franz", client)
	case c.SchemaRegistry == "":
		return nil, errors.New("--to: registry: missing; want ?registry=URL, such as kafka://localhost:9092?registry=http://localhost:8081")
	case client == "franz":
		backend, err := franz.New(c)
		return backend, asFlags(err)
	default:
		backend, err := kafka.New(c)
		return backend, asFlags(err)
	}
}

// asFlags replaces each invalid field of the configuration by the part of the command line that
// sets it.
func asFlags(err error) error {
	var faults []error
	for _, fault := range flatten(err) {
		if field, ok := errors.AsType[*kafkaconfig.ConfigError](fault); ok {
			name, _, _ := strings.Cut(field.Field, "[") // Brokers[0]
			flag := map[string]string{
				"Brokers": "--to: host", "SchemaRegistry": "--to: registry", "SchemaRegistryUsername": "--to: user of the registry",
				"SchemaRegistryPassword": "--to: password of the registry", "SASLUsername": "--to: key", "SASLPassword": "--to: secret",
				"DeliveryTimeout": "--timeout",
			}[name]
			fault = fmt.Errorf("%s: %s; want %s", cmp.Or(flag, field.Field), field.Found, field.Want)
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
