#!/usr/bin/env python3
"""Writes schemas/, events/ and redis/ of the golden data by running the reference.

make_golden.py --redis redis://127.0.0.1:6379/0 --out DIR EVENT_TYPE...

The Redis server must be empty. The producer of the reference writes the streams, and this program reads them back.
Equal input gives equal files.
"""

import argparse
import json
import pathlib

import samples
from refboot import boot

PREFIX = "gold"


def json_file(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def metadata_as_json(metadata):
    return {
        "event_type": metadata.event_type,
        "id": str(metadata.id),
        "minorversion": metadata.minorversion,
        "source": metadata.source,
        "sourcehost": metadata.sourcehost,
        "time": metadata.time.isoformat(),
        "sourcelib": list(metadata.sourcelib),
    }


def key_paths(init_data):
    """Yields every path of field names through the data classes, in the order of the fields, nullable fields included."""

    def below(path, data_type):
        yield path
        for field in getattr(data_type, "__attrs_attrs__", ()):
            yield from below(f"{path}.{field.name}", field.type)

    for name, data_type in init_data.items():
        yield from below(name, data_type)


def key_case(serializer, data, path):
    """Returns the key that the Kafka producer of the reference encodes for a key path, or the step that fails."""
    from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
    from confluent_kafka.schema_registry.avro import AvroSerializer
    from confluent_kafka.serialization import MessageField, SerializationContext
    from edx_event_bus_kafka.internal.producer import extract_event_key, extract_key_schema

    case, stage = {"event_key_field": path}, "extract_event_key"
    try:
        value = extract_event_key(data, path)
        stage = "extract_key_schema"
        schema = case["schema"] = extract_key_schema(serializer, path)
        stage = "AvroSerializer()"
        to_bytes = AvroSerializer(
            schema_str=schema,
            schema_registry_client=SchemaRegistryClient.new_client({"url": "mock://"}),  # its first schema has id 1
            to_dict=lambda event_data, ctx: serializer.to_dict(event_data),
            conf={"subject.name.strategy": topic_record_subject_name_strategy},
        )
        context = SerializationContext("TOPIC", MessageField.KEY)
        framed = to_bytes(value, context)
    except Exception as error:  # the error is golden data
        return case | {"stage": stage, "error": f"{type(error).__name__}: {error}"}
    return case | {
        "subject_for_topic_TOPIC": "TOPIC-" + json.loads(schema)["type"],
        "framed_hex_with_schema_id_1": framed.hex(),
        "avro_hex": framed[5:].hex(),
        "value": serializer.to_dict(value),
    }


def event_sample(signal, serializer, annotated, variant):
    from openedx_events.event_bus.avro.deserializer import deserialize_bytes_to_event_data
    from openedx_events.event_bus.avro.serializer import serialize_event_data_to_bytes

    data = samples.sample(signal, variant)
    as_json = serializer.to_dict(data)
    avro = serialize_event_data_to_bytes(data, signal)
    seen = serializer.to_dict(deserialize_bytes_to_event_data(avro, signal))
    paths = [annotated] if annotated else []
    if variant == "full":
        paths += [p for p in key_paths(signal.init_data) if p != annotated]
    return {
        "name": variant,
        "data": as_json,
        "avro_hex": avro.hex(),
        "metadata": metadata_as_json(samples.metadata(signal, variant)),
        "reference_consumer_sees_same": seen == as_json,
        **({} if seen == as_json else {"reference_consumer_sees": seen}),
        "keys": [key_case(serializer, data, path) for path in paths],
    }


def redis_entries(signal, server):
    from openedx_events.event_bus import get_producer

    topic = signal.event_type.removeprefix("org.openedx.").replace(".", "-")
    stream = f"{PREFIX}-{topic}"
    for variant in samples.VARIANTS:
        get_producer().send(
            signal=signal,
            topic=topic,
            event_key_field="",  # Redis entries have no key
            event_data=samples.sample(signal, variant),
            event_metadata=samples.metadata(signal, variant),
        )
    entries = []
    # redis-py gives the fields of an entry as a dictionary in the order of the wire
    for variant, (_, fields) in zip(samples.VARIANTS, server.xrange(stream), strict=True):
        fields = [{"name": name.decode(), "hex": value.hex()} | text(name, value) for name, value in fields.items()]
        entries.append({"sample": variant, "fields": fields})
    return {"event_type": signal.event_type, "topic": topic, "prefix": PREFIX, "stream": stream, "entries": entries}


def text(name, value):
    return {} if name == b"event_data" else {"text": value.decode()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--redis", required=True)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("event_types", nargs="+")
    args = parser.parse_args()

    signals = boot(
        EVENT_BUS_PRODUCER="edx_event_bus_redis.create_producer",
        EVENT_BUS_REDIS_CONNECTION_URL=args.redis,
        EVENT_BUS_TOPIC_PREFIX=PREFIX,
    )
    import redis
    from openedx_events.event_bus.avro.serializer import AvroSignalSerializer

    catalog = json.loads((args.out / "catalog.json").read_text(encoding="utf-8"))
    annotated = {s["event_type"]: s["event_key_field"] for s in catalog["signals"]}
    server = redis.Redis.from_url(args.redis)
    for event_type in args.event_types:
        signal = signals.get_signal_by_type(event_type)
        serializer = AvroSignalSerializer(signal)
        schema = args.out / "schemas" / f"{event_type}.avsc"
        schema.parent.mkdir(parents=True, exist_ok=True)
        schema.write_text(serializer.schema_string(), encoding="utf-8")
        json_file(args.out / "events" / f"{event_type}.json", {
            "event_type": event_type,
            "event_key_field": annotated[event_type],
            "schema": serializer.schema_string(),
            "samples": [event_sample(signal, serializer, annotated[event_type], v) for v in samples.VARIANTS],
        })
        json_file(args.out / "redis" / f"{event_type}.json", redis_entries(signal, server))


if __name__ == "__main__":
    main()
