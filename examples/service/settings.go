package main

import (
	"flag"
	"strings"

	"github.com/signalcast/signalcast/configfile"
)

// settings are where the service listens, and which servers it uses. They may hold credentials, so they are never logged.
type settings struct {
	listen   string
	config   string
	dir      string
	postgres string
	redis    string
	kafka    string
	registry string
	otlp     string
	// prefix begins the names of all topics.
	prefix string
	// adminPassword permits switching on the admin page.
	adminPassword string
}

func parseSettings(args []string, getenv func(string) string) (settings, error) {
	s := settings{prefix: configfile.TopicPrefix(), adminPassword: getenv("ADMIN_PASSWORD")}
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080", "the `ADDRESS` of the HTTP server")
	flags.StringVar(&s.config, "config", "service.yaml", "the `FILE` with the operators' configuration")
	flags.StringVar(&s.dir, "dir", "", "the `FOLDER` of the SQLite database; default: a new one")
	flags.StringVar(&s.postgres, "postgres", "", "use the PostgreSQL database at this `URL` instead of SQLite")
	flags.StringVar(&s.redis, "redis", "", "use the Redis server at this `URL` instead of memory")
	flags.StringVar(&s.kafka, "kafka", "", "use the Kafka `BROKERS`, separated by commas, instead of memory")
	flags.StringVar(&s.registry, "registry", "", "the `URL` of the schema registry of Kafka")
	flags.StringVar(&s.otlp, "otlp", "", "send traces to the OpenTelemetry collector at this `URL`, such as http://127.0.0.1:4318")
	return s, flags.Parse(args)
}

// topic returns the full name of a topic.
func (s settings) topic(name string) string {
	return strings.TrimPrefix(s.prefix+"-"+name, "-")
}
