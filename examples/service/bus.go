package main

import (
	"strings"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	consumekafka "github.com/signalcast/signalcast/consume/kafka"
	consumememory "github.com/signalcast/signalcast/consume/memory"
	consumeredis "github.com/signalcast/signalcast/consume/redis"
)

// bus is the event bus: Redis, Kafka, or memory, which ends with the process.
type bus struct {
	system      string // the attribute messaging.system: memory, redis or kafka
	backend     signalcast.Backend
	source      consume.Source
	closeSource func() error
}

// group names the consumer of the service on the bus, and in the inbox.
const group = "enrollment-totals"

func openBus(s settings) (*bus, error) {
	topics := []string{s.topic(enrollmentsTopic)}
	switch {
	case s.redis != "":
		server := redis.Config{URL: s.redis}
		backend, err := redis.New(server)
		if err != nil {
			return nil, err
		}
		source, err := consumeredis.New(consumeredis.Config{Server: server, Group: group, Topics: topics})
		if err != nil {
			return nil, err
		}
		return &bus{"redis", backend, source, source.Close}, nil
	case s.kafka != "":
		cluster := kafka.Config{Brokers: strings.Split(s.kafka, ","), SchemaRegistry: s.registry}
		backend, err := kafka.New(cluster)
		if err != nil {
			return nil, err
		}
		source, err := consumekafka.New(consumekafka.Config{Config: cluster, Group: group, Topics: topics, Start: consume.Earliest()})
		if err != nil {
			return nil, err
		}
		return &bus{"kafka", backend, source, func() error { return nil }}, nil
	default:
		backend := memory.New()
		return &bus{"memory", backend, consumememory.NewSource(backend, group, topics...), func() error { return nil }}, nil
	}
}
