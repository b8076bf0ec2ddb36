// Package compat finds the changes of an event type's schema that break its consumers.
//
//	findings, err := compat.Check(oldText, newText, compat.Forward)
//
// On Kafka, a consumer resolves the schema of the producer to its own. A change breaks old
// consumers, new consumers, both or neither. The verdicts are those of fastavro, with which the
// Open edX event bus in Python reads events. A consumer of signalcast differs: it reads a
// missing list or map as empty, and ignores the names of inner records. It rejects a long for a
// double, bytes for a string, and a string for bytes.
//
// On Redis, messages carry no schema. A consumer reads every event with its own schema, so each
// change of the encoding breaks every consumer that does not have the schema of the producer.
// [Finding.BreaksOnRedis] reports this, and [Exact] forbids it.
//
// A [Snapshot] holds the schemas of a registry, so that a later version can be compared with them.
package compat
