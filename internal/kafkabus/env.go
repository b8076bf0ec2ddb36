package kafkabus

import (
	"crypto/tls"
	"strings"
)

// ConfigFromEnv returns the configuration that the settings of the Open edX
// event bus describe; see the backend packages.
func ConfigFromEnv(getenv func(string) string) Config {
	c := Config{
		SchemaRegistry:         getenv("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL"),
		SchemaRegistryUsername: getenv("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY"),
		SchemaRegistryPassword: getenv("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET"),
		SASLUsername:           getenv("EVENT_BUS_KAFKA_API_KEY"),
		SASLPassword:           getenv("EVENT_BUS_KAFKA_API_SECRET"),
	}
	for broker := range strings.SplitSeq(getenv("EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS"), ",") {
		if broker = strings.TrimSpace(broker); broker != "" {
			c.Brokers = append(c.Brokers, broker)
		}
	}
	if c.SASLUsername != "" || c.SASLPassword != "" {
		c.SASLMechanism = Plain
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return c
}
