package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/learning"
)

const (
	configuredTypes      = 1000
	configuredTopicsEach = 4
)

// configuration returns the contest that merges, checks and activates a configuration.
func configuration() (contest, error) {
	c := contest{
		name: configContest,
		about: "A configuration of 1,000 event types with 4 topics each is merged with an override of the same size, checked and activated. " +
			"Each round switches every topic. signalcast would reuse the routes of an unchanged event type; code by hand would not.",
	}
	r, _, base, err := configured(configuredTypes, configuredTopicsEach)
	if err != nil {
		return c, err
	}
	overrides := []signalcast.ProducerConfig{{}, {}}
	known := map[string]map[string]bool{}
	for eventType, topics := range base {
		known[eventType] = map[string]bool{keyField: true}
		for turn, override := range overrides {
			override[eventType] = map[string]signalcast.TopicConfig{}
			for i, topic := range slices.Sorted(maps.Keys(topics)) {
				override[eventType][topic] = signalcast.TopicConfig{Enabled: new(i%2 == turn)}
			}
		}
	}
	d, err := signalcast.NewDispatcher(context.Background(), r, base, discard{})
	if err != nil {
		return c, err
	}
	var service atomic.Pointer[map[string][]handRoute]
	const times = 20
	c.contenders = []contender{
		{name: ours, events: times, run: func(ctx context.Context, n int) error {
			for i := range n {
				if _, err := d.Reload(ctx, signalcast.MergeProducerConfigs(base, overrides[i%2])); err != nil {
					return err
				}
			}
			return nil
		}},
		{name: byHand, events: times, run: func(_ context.Context, n int) error {
			for i := range n {
				routes, err := routesByHand(mergedByHand(base, overrides[i%2]), known)
				if err != nil {
					return err
				}
				service.Store(&routes)
			}
			return nil
		}},
	}
	return c, nil
}

func mergedByHand(layers ...signalcast.ProducerConfig) signalcast.ProducerConfig {
	merged := make(signalcast.ProducerConfig, len(layers[0]))
	for _, layer := range layers {
		for eventType, topics := range layer {
			into := merged[eventType]
			if into == nil {
				into = make(map[string]signalcast.TopicConfig, len(topics))
				merged[eventType] = into
			}
			for topic, settings := range topics {
				t := into[topic]
				if settings.EventKeyField != nil {
					t.EventKeyField = new(*settings.EventKeyField)
				}
				if settings.Enabled != nil {
					t.Enabled = new(*settings.Enabled)
				}
				into[topic] = t
			}
		}
	}
	return merged
}

type handRoute struct {
	topic string
	key   func(*learning.CourseEnrollmentEvent) string
}

var errSettings = errors.New("found missing or wrong settings")

// routesByHand checks a configuration and returns its enabled routes.
func routesByHand(config signalcast.ProducerConfig, known map[string]map[string]bool) (map[string][]handRoute, error) {
	routes := make(map[string][]handRoute, len(config))
	key := func(e *learning.CourseEnrollmentEvent) string { return string(e.Enrollment.Course.CourseKey) }
	for eventType, topics := range config {
		fields, ok := known[eventType]
		if !ok {
			return nil, fmt.Errorf("%s: %w", eventType, errSettings)
		}
		enabled := make([]handRoute, 0, len(topics))
		for topic, settings := range topics {
			if strings.TrimSpace(topic) == "" || settings.Enabled == nil || settings.EventKeyField == nil || !fields[*settings.EventKeyField] {
				return nil, fmt.Errorf("%s, %s: %w", eventType, topic, errSettings)
			}
			if *settings.Enabled {
				enabled = append(enabled, handRoute{topic, key})
			}
		}
		routes[eventType] = enabled
	}
	return routes, nil
}
