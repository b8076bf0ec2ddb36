package otelsignalcast_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
	source "github.com/signalcast/signalcast/consume/memory"
	"github.com/signalcast/signalcast/otelsignalcast"
)

// A service sends an event in a trace, and a consumer continues the trace.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	spans := tracetest.NewInMemoryExporter() // a service uses an exporter such as otlptracegrpc
	tracers := trace.NewTracerProvider(trace.WithSyncer(spans))
	telemetry, err := otelsignalcast.New(otelsignalcast.Config{
		System: "kafka", Propagate: true, TracerProvider: tracers, MeterProvider: metric.NewMeterProvider(),
	})
	check(err)
	defer func() { check(telemetry.Close()) }()

	// The sender wraps its backend.
	bus, registry := memory.New(), signalcast.NewRegistry()
	check(registry.Register(orderPlaced))
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, signalcast.ProducerConfig{
		orderPlaced.EventType(): {"orders": {EventKeyField: new("number"), Enabled: new(true)}},
	}, telemetry.Wrap(bus), signalcast.WithTraceContext(telemetry.TraceContext))
	check(err)
	telemetry.Observe(dispatcher)

	// The consumer, usually in another service, handles events through Handle.
	receiving := signalcast.NewRegistry()
	check(receiving.Register(orderPlaced))
	_, err = orderPlaced.Connect(receiving, func(context.Context, signalcast.Event[order]) error { return nil })
	check(err)
	from := source.NewSource(bus, "invoices", "orders")
	consumer, err := consume.New(receiving, from, consume.Config{Handle: telemetry.Handle})
	check(err)
	telemetry.ObserveConsumer(consumer)
	go func() { check(consumer.Run(ctx)) }()

	requestCtx, request := tracers.Tracer("example").Start(ctx, "POST /orders")
	check(orderPlaced.Send(requestCtx, registry, order{Number: "A-1"}))
	check(from.Wait(ctx))
	request.End()
	check(dispatcher.Close(ctx))

	names := map[string]string{}
	for _, s := range spans.GetSpans() {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	for _, s := range spans.GetSpans() {
		if s.Parent.IsValid() {
			fmt.Println(s.Name, "is a child of", names[s.Parent.SpanID().String()])
		}
	}
	// Unordered output:
	// send orders is a child of POST /orders
	// process orders is a child of send orders
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
