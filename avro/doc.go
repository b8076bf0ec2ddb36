// Package avro looks at Avro from the other side: it decodes what signalcast
// writes, to explain and test it, and checks schemas as a strict reader would.
// Programs that only send events do without it.
//
// It stands on [github.com/hamba/avro/v2] with every cache and setting its own,
// so nothing that a program does with that library shows here, or the other way
// round. That library is no longer maintained and not made for hostile input:
// never feed this package bytes or schemas from somebody you do not trust. The
// limits it has are there to make an accident an error rather than a crash.
package avro
