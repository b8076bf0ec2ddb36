package signalcast_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// benchLayers has a base of 1,000 event types with 4 topics each, and an
// override that switches every topic on.
func benchLayers() (base, override signalcast.ProducerConfig) {
	base, override = signalcast.ProducerConfig{}, signalcast.ProducerConfig{}
	for i := range 1000 {
		eventType := fmt.Sprintf("org.example.learning.course%d.changed.v1", i)
		base[eventType], override[eventType] = map[string]signalcast.TopicConfig{}, map[string]signalcast.TopicConfig{}
		for j := range 4 {
			topic := fmt.Sprintf("learning-course-%d", j)
			base[eventType][topic] = signalcast.TopicConfig{EventKeyField: new("course_key"), Enabled: new(false)}
			override[eventType][topic] = signalcast.TopicConfig{Enabled: new(true)}
		}
	}
	return base, override
}

func BenchmarkMergeByHand(b *testing.B) {
	b.ReportAllocs()
	base, override := benchLayers()
	for b.Loop() {
		merged := make(signalcast.ProducerConfig, len(base))
		for _, layer := range []signalcast.ProducerConfig{base, override} {
			for eventType, topics := range layer {
				if merged[eventType] == nil {
					merged[eventType] = make(map[string]signalcast.TopicConfig, len(topics))
				}
				for topic, settings := range topics {
					into := merged[eventType][topic]
					if settings.EventKeyField != nil {
						into.EventKeyField = new(*settings.EventKeyField)
					}
					if settings.Enabled != nil {
						into.Enabled = new(*settings.Enabled)
					}
					merged[eventType][topic] = into
				}
			}
		}
	}
}

func BenchmarkMergeProducerConfigs(b *testing.B) {
	b.ReportAllocs()
	base, override := benchLayers()
	for b.Loop() {
		signalcast.MergeProducerConfigs(base, override)
	}
}

func BenchmarkValidate(b *testing.B) {
	b.ReportAllocs()
	config := signalcast.MergeProducerConfigs(benchLayers())
	registry := signalcast.NewRegistry()
	for eventType := range config {
		require.NoError(b, registry.Register(signalcast.NewSignal[configuredCourse](eventType)))
	}
	for b.Loop() {
		if err := config.Validate(registry); err != nil {
			b.Fatal(err)
		}
	}
}
