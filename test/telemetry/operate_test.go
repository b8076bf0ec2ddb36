package telemetry_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	prometheusclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/otelsignalcast"
)

// A service watches its configuration and offers metrics, traces, the admin page and probes: the part between the two comments.
func Example_operate() {
	ctx := context.Background()
	registry := signalcast.NewRegistry()
	check(registry.Register(orderPlaced))
	site := filepath.Join(os.TempDir(), "signalcast-example-site.yaml")
	check(os.WriteFile(site, []byte(orderPlaced.EventType()+":\n  orders: {event_key_field: number, enabled: true}\n"), 0o600))
	loaded, err := configfile.Load(registry, configfile.File(site))
	check(err)
	mux := http.NewServeMux()

	// begin
	exporter, err := prometheus.New(prometheus.WithRegisterer(prometheusclient.DefaultRegisterer), prometheus.WithoutScopeInfo())
	check(err)
	telemetry, err := otelsignalcast.New(otelsignalcast.Config{
		System:         "memory", // "kafka" or "redis" in a service
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(exporter)),
		TracerProvider: trace.NewTracerProvider(), // with an exporter of the service
	})
	check(err)
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, loaded.Merged, telemetry.Wrap(memory.New()))
	check(err)
	watcher, err := configfile.Watch(dispatcher, loaded, configfile.WatchConfig{})
	check(err)
	telemetry.Observe(dispatcher)
	telemetry.ObserveWatcher(watcher)
	admin, err := adminhttp.New(adminhttp.Config{Dispatcher: dispatcher, Registry: registry, Configuration: watcher.Status, Check: watcher.Check})
	check(err)
	mux.Handle("/admin/", admin)
	mux.Handle("/metrics", promhttp.Handler())
	mux.Handle("/livez", adminhttp.Live())
	mux.Handle("/readyz", adminhttp.Ready(dispatcher, 0))
	// end

	check(orderPlaced.Send(ctx, registry, order{Number: "A-1"}))
	for _, path := range []string{"/admin/", "/metrics", "/livez", "/readyz"} {
		page := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
		request.RemoteAddr = "127.0.0.1:4711"
		mux.ServeHTTP(page, request)
		first, _, _ := strings.Cut(page.Body.String(), "\n")
		if path == "/metrics" {
			first = "signalcast_config_generation is there: " + fmt.Sprint(strings.Contains(page.Body.String(), "signalcast_config_generation"))
		}
		fmt.Println(path, page.Code, first)
	}
	admin.Close()
	check(watcher.Close(ctx))
	check(dispatcher.Close(ctx))
	check(telemetry.Close())
	check(os.Remove(site))
	// Output:
	// /admin/ 200 <!doctype html>
	// /metrics 200 signalcast_config_generation is there: true
	// /livez 200 live
	// /readyz 200 ready
}
