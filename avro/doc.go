// Package avro decodes the Avro that signalcast writes and checks its schemas by the rules of a
// strict reader. It serves tests and tools; a program that only sends events does not need it.
//
// Package avro uses [github.com/hamba/avro/v2] with its own caches and settings, independent of
// other uses of that library in the program. That library is no longer maintained and is not safe
// for hostile input: do not pass this package bytes or schemas from an untrusted source. Its
// limits turn damaged input into an error instead of a crash.
package avro
