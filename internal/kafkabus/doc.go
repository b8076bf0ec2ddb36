// Package kafkabus is what backends on Kafka have in common, whatever client
// they write with: the configuration, the bounded buffer, the registration of
// schemas, the wire format and the choice of partitions.
//
// A backend is a [Bus] over a [Writer], the thin layer over one client library.
package kafkabus
