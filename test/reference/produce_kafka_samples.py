#!/usr/bin/env python3
"""Writes every sample of event types to a Kafka topic with the producer of the reference and prints their number.

produce_kafka_samples.py --brokers 127.0.0.1:9092 --registry URL --topic TOPIC EVENT_TYPE=KEY_FIELD...

TOPIC is the full name with the prefix. The program exits with status 1 if the reference logs a warning or an error.
"""

import argparse
import logging
import sys

import samples
from refboot import boot

parser = argparse.ArgumentParser()
parser.add_argument("--brokers", required=True)
parser.add_argument("--registry", required=True)
parser.add_argument("--topic", required=True)
parser.add_argument("event_types", nargs="+")
args = parser.parse_args()

signals = boot(
    EVENT_BUS_PRODUCER="edx_event_bus_kafka.create_producer",
    EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS=args.brokers,
    EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL=args.registry,
)
from openedx_events.event_bus import get_producer  # noqa: E402  needs the settings

problems = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: problems.append(record.getMessage())
logging.getLogger().handlers = [handler]

count = 0
for event_type, key_field in (pair.split("=") for pair in args.event_types):
    signal = signals.get_signal_by_type(event_type)
    for variant in samples.VARIANTS:
        get_producer().send(
            signal=signal,
            topic=args.topic,
            event_key_field=key_field,
            event_data=samples.sample(signal, variant),
            event_metadata=samples.metadata(signal, variant),
        )
        count += 1
get_producer().prepare_for_shutdown()
for problem in problems:
    print(f"FAIL {problem[:1000]}", file=sys.stderr)
print(count)
sys.exit(1 if problems else 0)
