package kafkaconfig_test

import (
	"fmt"

	"github.com/signalcast/signalcast/backends/kafkaconfig"
)

func ExampleFromEnv() {
	environment := map[string]string{
		"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS":   "kafka-1:9093,kafka-2:9093",
		"EVENT_BUS_KAFKA_API_KEY":             "a key",
		"EVENT_BUS_KAFKA_API_SECRET":          "a secret",
		"EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": "https://registry:8081",
	}
	config := kafkaconfig.FromEnv(func(name string) string { return environment[name] }) // os.Getenv in a program
	fmt.Println(config)
	// Output: kafkaconfig.Config{brokers kafka-1:9093,kafka-2:9093, schema registry https://registry:8081}
}
