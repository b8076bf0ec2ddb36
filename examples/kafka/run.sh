#!/usr/bin/env bash
# Starts a Kafka broker and a schema registry, runs the example and stops both. Needs Java 17 and mvn. Fetches the servers once.
# Flags go to the example: examples/kafka/run.sh --client franz-go
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
kafka() { test/servers/kafka.sh --dir .run/example/kafka "$@"; }
registry() { test/servers/registry.sh --dir .run/example/registry "$@"; }

trap 'kafka kill9; registry kill9' EXIT
kafka start --clean >&2
registry start --clean >&2
eval "$(kafka env; registry env)"
EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS=$KAFKA_BROKERS EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL=$REGISTRY_URL EVENT_BUS_TOPIC_PREFIX=dev \
  go run ./examples/kafka "$@"
