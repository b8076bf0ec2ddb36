package main

import (
	"context"
	"errors"
	"net/http"

	prometheusclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/signalcast/signalcast/otelsignalcast"
)

// telemetry serves metrics to Prometheus, and sends traces to a collector if the settings name one.
type telemetry struct {
	*otelsignalcast.Telemetry

	metrics http.Handler
	tracers *trace.TracerProvider
	meters  *metric.MeterProvider
}

func openTelemetry(ctx context.Context, system, otlp string) (*telemetry, error) {
	registry := prometheusclient.NewRegistry()
	exporter, err := prometheus.New(prometheus.WithRegisterer(registry), prometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	t := &telemetry{
		metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
		tracers: trace.NewTracerProvider(),
		meters:  metric.NewMeterProvider(metric.WithReader(exporter)),
	}
	if otlp != "" {
		collector, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(otlp))
		if err != nil {
			return nil, err
		}
		t.tracers = trace.NewTracerProvider(trace.WithBatcher(collector))
	}
	t.Telemetry, err = otelsignalcast.New(otelsignalcast.Config{
		System: system, TracerProvider: t.tracers, MeterProvider: t.meters,
		Propagate: true, // the trace of a request continues in the consumers of its events
	})
	return t, err
}

// requests returns a handler that records a span and a duration of each request to h.
func (t *telemetry) requests(h http.Handler) http.Handler {
	return otelhttp.NewHandler(h, "request", otelhttp.WithTracerProvider(t.tracers), otelhttp.WithMeterProvider(t.meters),
		otelhttp.WithPropagators(propagation.TraceContext{}))
}

// close sends the last spans.
func (t *telemetry) close(ctx context.Context) error {
	return errors.Join(t.Close(), t.tracers.Shutdown(ctx), t.meters.Shutdown(ctx))
}
