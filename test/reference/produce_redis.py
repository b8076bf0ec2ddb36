#!/usr/bin/env python3
"""Writes every sample of the given event types to a Redis stream with the producer of the reference and prints their number.

produce_redis.py --url redis://127.0.0.1:6379/0 --stream STREAM EVENT_TYPE...
"""

import argparse

import samples
from refboot import boot

parser = argparse.ArgumentParser()
parser.add_argument("--url", required=True)
parser.add_argument("--stream", required=True)
parser.add_argument("event_types", nargs="+")
args = parser.parse_args()

signals = boot(
    EVENT_BUS_PRODUCER="edx_event_bus_redis.create_producer",
    EVENT_BUS_REDIS_CONNECTION_URL=args.url,
)
from openedx_events.event_bus import get_producer  # noqa: E402  needs the settings

count = 0
for event_type in args.event_types:
    signal = signals.get_signal_by_type(event_type)
    for variant in samples.VARIANTS:
        get_producer().send(
            signal=signal,
            topic=args.stream,
            event_key_field="",  # Redis entries have no key
            event_data=samples.sample(signal, variant),
            event_metadata=samples.metadata(signal, variant),
        )
        count += 1
print(count)
