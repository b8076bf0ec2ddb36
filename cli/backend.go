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
  kafka://host:port[,host:port…]?registry=URL[&client=franz|kafka-go]
  kafkas://[key:secret@]host:port…  the same over TLS, with SASL PLAIN
  memory:                           nowhere: the event is encoded and forgotten`

// openBackend returns the backend for a URL. No error shows the URL, which may hold a
// password. The backend registers schemas on use, so that Prepare writes nothing.
func openBackend(text string, timeout time.Duration) (signalcast.Backend, error) {
	switch scheme, _, _ := strings.Cut(text, ":"); scheme {
	case "redis", "rediss":
		return redis.New(redis.Config{URL: text, DeliveryTimeout: timeout})
	case "kafka", "kafkas":
		return openKafka(text, timeout)
	case "memory":
		return memory.New(), nil
	default:
		return nil, fmt.Errorf("--to: found text that is not the URL of a broker; want one of\n%s", backendForms)
	}
}

func openKafka(text string, timeout time.Duration) (signalcast.Backend, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return nil, fmt.Errorf("--to: found text that is not a URL of Kafka; want one of\n%s", backendForms)
	}
	settings := u.Query()
	for name := range settings {
		if !slices.Contains([]string{"registry", "client"}, name) {
			return nil, fmt.Errorf("--to: found the parameter %q; want registry or client", name)
		}
	}
	c := franz.Config{Brokers: strings.Split(u.Host, ","), DeliveryTimeout: timeout, RegisterOnUse: true}
	if u.Scheme == "kafkas" {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if u.User != nil {
		if c.TLS == nil {
			return nil, errors.New("--to: found credentials in a kafka URL, which would send the password as it is; want kafkas")
		}
		c.SASLMechanism, c.SASLUsername = "PLAIN", u.User.Username()
		c.SASLPassword, _ = u.User.Password()
	}
	registry, err := url.Parse(settings.Get("registry"))
	if err != nil {
		return nil, errors.New("--to: found a registry that is not a URL; want one with special characters percent-encoded")
	}
	if registry.User != nil {
		c.SchemaRegistryUsername = registry.User.Username()
		c.SchemaRegistryPassword, _ = registry.User.Password()
		registry.User = nil
	}
	c.SchemaRegistry = registry.String()
	client := cmp.Or(settings.Get("client"), "franz")
	switch {
	case client != "franz" && client != "kafka-go":
		return nil, fmt.Errorf("--to: found the client %q; want franz or kafka-go", client)
	case c.SchemaRegistry == "":
		return nil, errors.New("--to: found no schema registry; want ?registry=URL, such as kafka://localhost:9092?registry=http://localhost:8081")
	case client == "franz":
		backend, err := franz.New(c)
		return backend, inTermsOfURL(err)
	default:
		backend, err := kafka.New(c)
		return backend, inTermsOfURL(err)
	}
}

// inTermsOfURL says which part of the URL the fields of a configuration come from.
func inTermsOfURL(err error) error {
	var faults []error
	for _, fault := range flatten(err) {
		if field, ok := errors.AsType[*kafkaconfig.ConfigError](fault); ok {
			part := map[string]string{"SchemaRegistry": "registry", "SchemaRegistryUsername": "user of the registry", "SASLUsername": "user", "SASLMechanism": "user"}[field.Field]
			if strings.HasPrefix(field.Field, "Brokers") {
				part = "host"
			}
			fault = fmt.Errorf("--to: %s: %s; want %s", cmp.Or(part, field.Field), field.Found, field.Want)
		}
		faults = append(faults, fault)
	}
	return errors.Join(faults...)
}

// flatten returns the errors that err joins, or err alone. It returns none for nil.
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
