package signalcast_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// BenchmarkReload merges and puts into service 1,000 event types with 4 topics
// each: the configuration that is in service already, or one in which every
// route is different.
func BenchmarkReload(b *testing.B) {
	base, override := benchLayers()
	registry := signalcast.NewRegistry()
	for eventType := range base {
		require.NoError(b, registry.Register(signalcast.NewSignal[configuredCourse](eventType)))
	}
	for name, overrides := range map[string][]signalcast.ProducerConfig{
		"nothing new":    {override},
		"all routes new": {override, {}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			d, err := signalcast.NewDispatcher(b.Context(), registry, base, discard{})
			require.NoError(b, err)
			for i := 0; b.Loop(); i++ {
				if _, err := d.Reload(b.Context(), signalcast.MergeProducerConfigs(base, overrides[i%len(overrides)])); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
