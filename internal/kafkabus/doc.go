// Package kafkabus holds what both Kafka backends share: the configuration, the bounded
// buffer, the registration of schemas, the wire format and the choice of partitions.
//
// A backend is a [Bus] over a [Writer], a thin layer over one client library.
package kafkabus
