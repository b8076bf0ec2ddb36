// Package compat finds the changes of an event type's schema that break its consumers.
//
//	findings, err := compat.Check(oldText, newText, compat.Forward)
//
// On Kafka, a consumer resolves the schema of the writer to its own. A change breaks old
// consumers, new consumers, both or neither. The verdicts are those of fastavro, the reader
// of the Open edX event bus in Python. A consumer of this module accepts other changes:
// it reads a missing list or map as empty and ignores the names of inner records. It rejects
// a long for a double, and bytes for a string or the reverse.
//
// On Redis, no schema travels. A consumer reads every event with its own schema, so each change
// of the encoding breaks every consumer whose schema is not that of the producer.
// [Finding.Redis] reports this, and [Exact] forbids it.
//
// A [Snapshot] holds the schemas of a registry, to compare a later version with.
package compat
