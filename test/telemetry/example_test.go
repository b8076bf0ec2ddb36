package telemetry_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	prometheusclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/otelsignalcast"
)

// A service offers its metrics to Prometheus.
func Example_prometheus() {
	ctx := context.Background()
	registry := signalcast.NewRegistry()
	check(registry.Register(orderPlaced))

	metrics := prometheusclient.NewRegistry()
	exporter, err := prometheus.New(prometheus.WithRegisterer(metrics), prometheus.WithoutScopeInfo())
	check(err)
	telemetry, err := otelsignalcast.New(otelsignalcast.Config{
		System:        "memory", // "kafka" or "redis" in a service
		MeterProvider: metric.NewMeterProvider(metric.WithReader(exporter)),
	})
	check(err)
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, signalcast.ProducerConfig{
		orderPlaced.EventType(): {"orders": {EventKeyField: new("number"), Enabled: new(true)}},
	}, telemetry.Wrap(memory.New()))
	check(err)
	defer func() { check(dispatcher.Close(ctx)) }()
	telemetry.Observe(dispatcher)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))

	check(orderPlaced.Send(ctx, registry, order{Number: "A-1"}))
	page := httptest.NewRecorder()
	mux.ServeHTTP(page, httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, "signalcast_pending_messages") {
			fmt.Print(line)
		}
	}
	// Output:
	// signalcast_pending_messages{cloudevents_event_type="org.example.order.placed.v1",messaging_destination_name="orders",messaging_system="memory"} 0
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
