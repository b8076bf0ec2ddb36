"""Reads events with the schema of another version, with fastavro, as the consumer of the reference does.

Each line of standard input is {"old": SCHEMA, "new": SCHEMA}. Each line of standard output says whether a consumer with
one schema reads the events of the other, if it gets the schema of the writer and if not:
{"old_reads_new": true, "new_reads_old": false, "same_encoding": false}
"""

import io
import itertools
import json
import sys

import fastavro


def values(schema, named):
    """Returns values that together have every branch of every union, and an item in every list and map."""
    if isinstance(schema, str):
        scalars = {"null": None, "boolean": True, "long": 7, "double": 1.5, "string": "x", "bytes": b"x"}
        return [scalars[schema]] if schema in scalars else values(named[schema], named)
    if isinstance(schema, list):
        return [value for branch in schema for value in values(branch, named)]
    if schema["type"] == "array":
        return [values(schema["items"], named)]
    if schema["type"] == "map":
        return [dict(zip(map(str, itertools.count()), values(schema["values"], named)))]
    if schema["type"] == "record":
        named[schema["name"]] = schema
        columns = {field["name"]: values(field["type"], named) for field in schema["fields"]}
        rows = max([1, *map(len, columns.values())])
        return [{name: column[row % len(column)] for name, column in columns.items()} for row in range(rows)]
    return values(schema["type"], named)


def reads(writer, reader):
    written = []
    for value in values(writer, {}):
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, writer, value)
        written.append(buffer.getvalue())
    try:
        for encoded in written:
            fastavro.schemaless_reader(io.BytesIO(encoded), writer, reader)
    except Exception:  # the consumer of the reference loses the event after any exception
        return False
    return True


def same_encoding(writer, reader):
    """Says whether a consumer that gets no schema reads the same value, to the last byte."""
    for value in values(writer, {}):
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, writer, value)
        encoded = io.BytesIO(buffer.getvalue())
        try:
            if fastavro.schemaless_reader(encoded, reader, None) != value or encoded.read():
                return False
        except Exception:
            return False
    return True


for line in sys.stdin:
    pair = json.loads(line)
    old, new = fastavro.parse_schema(pair["old"]), fastavro.parse_schema(pair["new"])
    same = same_encoding(new, old) and same_encoding(old, new)
    print(json.dumps({"old_reads_new": reads(new, old), "new_reads_old": reads(old, new), "same_encoding": same}))
