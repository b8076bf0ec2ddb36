// Package otelsignalcast records OpenTelemetry spans and metrics of the events that a service sends and
// receives. It depends on the API of OpenTelemetry, not on its SDK.
//
//	telemetry, err := otelsignalcast.New(otelsignalcast.Config{System: "kafka"})
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, telemetry.Wrap(backend))
//	telemetry.Observe(dispatcher)
//	consumer, err := consume.New(registry, source, consume.Config{Handle: telemetry.Handle})
//	telemetry.ObserveConsumer(consumer)
//
// Spans and metrics never contain event data, keys or texts of errors. docs/telemetry.md lists all spans and metrics.
package otelsignalcast
