package telemetry_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	prometheusclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
	source "github.com/signalcast/signalcast/consume/memory"
	"github.com/signalcast/signalcast/otelsignalcast"
)

type order struct {
	Number string `avro:"number"`
}

var orderPlaced = signalcast.NewSignal[order]("org.example.order.placed.v1")

// service is a service with every metric.
type service struct {
	prometheus *prometheusclient.Registry
	reader     *metric.ManualReader
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{prometheusclient.NewRegistry(), metric.NewManualReader()}
	exporter, err := prometheus.New(prometheus.WithRegisterer(s.prometheus))
	require.NoError(t, err)
	telemetry, err := otelsignalcast.New(otelsignalcast.Config{
		System: "memory", MeterProvider: metric.NewMeterProvider(metric.WithReader(exporter), metric.WithReader(s.reader)),
	})
	require.NoError(t, err)
	registry, bus := signalcast.NewRegistry(), memory.New(memory.WithBuffer(10, 1000))
	require.NoError(t, registry.Register(orderPlaced))
	produce(t, telemetry, registry, bus)
	receive(t, telemetry, bus)
	return s
}

// produce sends an order that is delivered, and one that becomes a dead letter.
func produce(t *testing.T, telemetry *otelsignalcast.Telemetry, registry *signalcast.Registry, bus *memory.Backend) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "site.yaml")
	require.NoError(t, os.WriteFile(file, []byte("org.example.order.placed.v1: {orders: {event_key_field: number, enabled: true}}"), 0o600))
	loaded, err := configfile.Load(registry, configfile.File(file))
	require.NoError(t, err)
	d, err := signalcast.NewDispatcher(t.Context(), registry, loaded.Merged, telemetry.Wrap(bus), signalcast.WithDeadLetter("dead"))
	require.NoError(t, err)
	telemetry.Observe(d)
	w, err := configfile.Watch(d, loaded, configfile.WatchConfig{Interval: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close(context.WithoutCancel(t.Context()))) })
	telemetry.ObserveWatcher(w)
	require.NoError(t, orderPlaced.Send(t.Context(), registry, order{"A-1"}))
	bus.Inject(memory.Fault{Topic: "orders", Times: 1, Err: errors.New("disk full")})
	require.Error(t, orderPlaced.Send(t.Context(), registry, order{"A-2"}))
	require.NoError(t, d.Flush(t.Context()))
}

// receive runs a consumer until it has handled the order.
func receive(t *testing.T, telemetry *otelsignalcast.Telemetry, bus *memory.Backend) {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(orderPlaced))
	from := source.NewSource(bus, "invoices", "orders")
	consumer, err := consume.New(registry, from, consume.Config{Handle: telemetry.Handle, HandleAll: true})
	require.NoError(t, err)
	telemetry.ObserveConsumer(consumer)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.NoError(t, from.Wait(ctx))
}

// series are the labels and their values of one metric.
type series map[string]map[string]bool

// scrape returns the metrics as Prometheus sees them.
func (s *service) scrape(t *testing.T) map[string]series {
	t.Helper()
	families, err := s.prometheus.Gather()
	require.NoError(t, err)
	all := map[string]series{}
	for _, family := range families {
		names := []string{family.GetName()}
		if family.GetType() == dto.MetricType_HISTOGRAM {
			names = []string{family.GetName() + "_bucket", family.GetName() + "_sum", family.GetName() + "_count"}
		}
		for _, name := range names {
			all[name] = labels(family, name)
		}
	}
	return all
}

func labels(family *dto.MetricFamily, name string) series {
	// Prometheus adds these.
	found := series{"job": nil, "instance": nil}
	if name == family.GetName()+"_bucket" {
		found["le"] = nil
	}
	for _, m := range family.GetMetric() {
		for _, label := range m.GetLabel() {
			if found[label.GetName()] == nil {
				found[label.GetName()] = map[string]bool{}
			}
			found[label.GetName()][label.GetValue()] = true
		}
	}
	return found
}

// instruments returns the names that OpenTelemetry knows the metrics by.
func (s *service) instruments(t *testing.T) (names []string) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, s.reader.Collect(t.Context(), &all))
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			names = append(names, m.Name)
		}
	}
	return names
}
