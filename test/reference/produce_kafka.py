#!/usr/bin/env python3
"""Writes events to a Kafka topic with the producer of the reference and prints their number.

produce_kafka.py --brokers 127.0.0.1:9092 --registry URL --topic TOPIC --key-field FIELD EVENT_TYPE <DATA

DATA has one JSON object per line, the data of an event with its wire names. TOPIC is the full name with the prefix.
The program exits with status 1 if the reference logs a warning or an error.
"""

import argparse
import json
import logging
import sys

from refboot import boot

parser = argparse.ArgumentParser()
parser.add_argument("--brokers", required=True)
parser.add_argument("--registry", required=True)
parser.add_argument("--topic", required=True)
parser.add_argument("--key-field", required=True)
parser.add_argument("event_type")
args = parser.parse_args()

signals = boot(
    EVENT_BUS_PRODUCER="edx_event_bus_kafka.create_producer",
    EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS=args.brokers,
    EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL=args.registry,
)
from openedx_events.event_bus import get_producer  # noqa: E402  needs the settings
from openedx_events.event_bus.avro.deserializer import AvroSignalDeserializer  # noqa: E402

problems = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: problems.append(record.getMessage())
logging.getLogger().handlers = [handler]

signal = signals.get_signal_by_type(args.event_type)
deserializer = AvroSignalDeserializer(signal)
count = 0
for line in sys.stdin:
    get_producer().send(
        signal=signal,
        topic=args.topic,
        event_key_field=args.key_field,
        event_data=deserializer.from_dict(json.loads(line)),
        event_metadata=signal.generate_signal_metadata(),
    )
    count += 1
get_producer().prepare_for_shutdown()
for problem in problems:
    print(f"FAIL {problem[:1000]}", file=sys.stderr)
print(count)
sys.exit(1 if problems else 0)
