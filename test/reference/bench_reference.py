#!/usr/bin/env python3
"""Measures work of the reference, the Open edX event bus in Python, on demand.

bench_reference.py --redis URL --brokers 127.0.0.1:9092 --registry URL --topic TOPIC --consumed TOPIC

Each line of standard input is a kind of work and a number. The program does the work so many times and prints one line of
JSON with the seconds and the processor seconds that it took:

  dispatch N   send a signal N times to one topic of a producer that does nothing
  encode N     send it to a producer that encodes the data and discards it
  redis N      send it to Redis, where the reference waits for each reply
  kafka N      send it to Kafka and wait for delivery at the end
  consume-redis N, consume-kafka N
               read more than N stored events of --consumed with a new group, and measure N after the first one
  config N     merge 1,000 event types of 4 topics with as many overrides, check and connect them

The program ends at the end of standard input. It exits with status 1 as soon as the reference logs an error.
"""

import argparse
import json
import logging
import os
import sys
import time
import uuid

from confluent_kafka import Consumer, TopicPartition
from refboot import boot

parser = argparse.ArgumentParser()
parser.add_argument("--redis", required=True)
parser.add_argument("--brokers", required=True)
parser.add_argument("--registry", required=True)
parser.add_argument("--topic", required=True)
parser.add_argument("--consumed", required=True)
args = parser.parse_args()

signals = boot(
    EVENT_BUS_REDIS_CONNECTION_URL=args.redis,
    EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS=args.brokers,
    EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL=args.registry,
    EVENT_BUS_KAFKA_CONSUMER_POLL_TIMEOUT=0.2,  # seconds
)
import openedx_events.apps  # noqa: E402  needs the settings
from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from openedx_events.apps import general_signal_handler  # noqa: E402
from openedx_events.event_bus import (  # noqa: E402
    EventBusProducer,
    get_producer,
    make_single_consumer,
    merge_producer_configs,
)
from openedx_events.event_bus.avro.serializer import serialize_event_data_to_bytes  # noqa: E402
from openedx_events.learning.signals import COURSE_ENROLLMENT_CREATED as SIGNAL  # noqa: E402

import samples  # noqa: E402


class Nothing(EventBusProducer):
    def send(self, **_):
        pass


class Encoding(EventBusProducer):
    def send(self, *, signal, event_data, **_):
        serialize_event_data_to_bytes(event_data, signal)


def nothing():
    return Nothing()


def encoding():
    return Encoding()


def fail(record):
    print(f"FAIL {record.getMessage()[:1000]}", file=sys.stderr, flush=True)
    os._exit(1)  # from any thread


handler = logging.Handler(logging.ERROR)
handler.emit = fail
logging.getLogger().setLevel(logging.ERROR)
logging.getLogger().handlers = [handler]

MAKERS = {
    "dispatch": f"{__name__}.nothing",
    "encode": f"{__name__}.encoding",
    "redis": "edx_event_bus_redis.create_producer",
    "kafka": "edx_event_bus_kafka.create_producer",
}
producers = {}
data = samples.sample(SIGNAL, "full")
event_types = [f"org.openedx.bench.subject{i}.done.v1" for i in range(1000)]
base = {t: {f"topic-{j}": {"event_key_field": "user.id", "enabled": True} for j in range(4)} for t in event_types}
override = {t: {f"topic-{j}": {"enabled": True} for j in range(4)} for t in event_types}
declared = {t: signals(event_type=t, data={"user": object}) for t in event_types}


def producer(kind):
    if kind not in producers:
        settings.EVENT_BUS_PRODUCER = MAKERS[kind]
        get_producer.cache_clear()
        producers[kind] = get_producer()
    return producers[kind]


def send(kind, count):
    openedx_events.apps.get_producer = lambda: producer(kind)
    for _ in range(count):
        SIGNAL.send_event(**data)
    if kind == "kafka" and producer(kind).producer.flush(120):
        sys.exit("FAIL not delivered")


def configure(count):
    app = apps.get_app_config("openedx_events")
    for _ in range(count):
        for event_type, topics in merge_producer_configs(base, override).items():
            app._get_validated_signal_config(event_type, topics)
            declared[event_type].connect(general_signal_handler)


def consumer(kind):
    group = f"bench-{uuid.uuid4()}"
    if kind == "consume-redis":
        settings.EVENT_BUS_CONSUMER = "edx_event_bus_redis.RedisEventConsumer"
        return make_single_consumer(topic=args.consumed, group_id=group, consumer_name="bench", check_backlog=True)
    settings.EVENT_BUS_CONSUMER = "edx_event_bus_kafka.KafkaEventConsumer"
    # A new group starts at the end of the topic unless it has offsets, so commit the first offset of each partition.
    admin = Consumer({"bootstrap.servers": args.brokers, "group.id": group, "enable.auto.commit": False})
    partitions = admin.list_topics(args.consumed, timeout=20).topics[args.consumed].partitions
    admin.commit(offsets=[TopicPartition(args.consumed, p, 0) for p in partitions], asynchronous=False)
    admin.close()
    return make_single_consumer(topic=args.consumed, group_id=group)


def consume(kind, count):
    """Returns the seconds and the processor seconds from the first event to the last one."""
    reader, moments = consumer(kind), []

    def receive(**_):
        moments.append((time.perf_counter(), time.process_time()))
        if len(moments) > count:  # the first one begins the measurement
            reader._shut_down()

    SIGNAL.connect(receive, weak=False)
    reader.consume_indefinitely()
    SIGNAL.disconnect(receive)
    return (last - first for first, last in zip(moments[0], moments[count]))


settings.EVENT_BUS_PRODUCER_CONFIG = {
    SIGNAL.event_type: {args.topic: {"event_key_field": "enrollment.course.course_key", "enabled": True}}
}
SIGNAL.connect(general_signal_handler)
for kind in MAKERS:
    producer(kind)
for line in sys.stdin:
    kind, count = line.split()
    start, used = time.perf_counter(), time.process_time()
    if kind == "config":
        configure(int(count))
    elif not kind.startswith("consume-"):
        send(kind, int(count))
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    if kind.startswith("consume-"):
        seconds, cpu = consume(kind, int(count))
    print(json.dumps({"Seconds": seconds, "CPU": cpu}), flush=True)
