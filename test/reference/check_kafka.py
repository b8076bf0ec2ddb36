#!/usr/bin/env python3
"""Reads a Kafka topic with the consumer of the reference and prints one JSON line per event.

check_kafka.py --brokers 127.0.0.1:9092 --registry URL --topic TOPIC --count N [--timeout 60] [--strict]

TOPIC is the full name with the prefix. It may hold events of several types. The program reads from the start of the topic with a new
consumer group. It prints problems on stderr and exits with status 1 if the reference logs an error (with --strict: or a warning),
if an event would be published again, or if fewer than N events arrive before the timeout.
"""

import argparse
import sys
import uuid

import checklib
from confluent_kafka import Consumer, TopicPartition
from refboot import boot

parser = argparse.ArgumentParser()
parser.add_argument("--brokers", required=True)
parser.add_argument("--registry", required=True)
parser.add_argument("--topic", required=True)
parser.add_argument("--count", type=int, required=True)
parser.add_argument("--timeout", type=float, default=60, help="seconds")
parser.add_argument("--strict", action="store_true")
args = parser.parse_args()

signals = boot(
    EVENT_BUS_PRODUCER="checklib.create_no_loop_producer",
    EVENT_BUS_CONSUMER="edx_event_bus_kafka.KafkaEventConsumer",
    EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS=args.brokers,
    EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL=args.registry,
    EVENT_BUS_KAFKA_CONSUMER_POLL_TIMEOUT=0.2,  # seconds
)
from openedx_events.event_bus import make_single_consumer  # noqa: E402  needs the settings

# A new group starts at the end of the topic unless it has offsets, so commit the first offset of each partition.
group = f"check-{uuid.uuid4()}"
admin = Consumer({"bootstrap.servers": args.brokers, "group.id": group, "enable.auto.commit": False})
found = admin.list_topics(args.topic, timeout=20).topics[args.topic]
if found.error:
    sys.exit(f"topic {args.topic}: {found.error}")
places = [TopicPartition(args.topic, partition) for partition in found.partitions]
for place in places:
    place.offset, _ = admin.get_watermark_offsets(place, timeout=20)
admin.commit(offsets=places, asynchronous=False)
admin.close()

checker = checklib.Checker(signals, args.count, args.timeout, args.strict)
sys.exit(checker.run(make_single_consumer(topic=args.topic, group_id=group)))
