// Package telemetry is a module of its own, because the exporter for Prometheus and the parser of its query language
// need many modules. It has tests only.
package telemetry
