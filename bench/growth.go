package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/openedx/learning"
)

// The names of contenders.
const (
	single      = "1 topic"
	tenThousand = "10,000 topics"
	oneSender   = "1 sender"
	manySenders = "64 senders"
	wholeRoute  = "each route"
	nextRoute   = "each further route of an event type"
	edxRoute    = "each route for Open edX, with its share of the registry"
	someLoad    = "some events"
	muchLoad    = "5 times as many"
)

// configured returns a registry, its signals and a configuration with the given
// number of event types and topics of each.
func configured(eventTypes, topics int) (*signalcast.Registry, []*signalcast.Signal[learning.CourseEnrollmentEvent], signalcast.ProducerConfig, error) {
	r := signalcast.NewRegistry()
	config := make(signalcast.ProducerConfig, eventTypes)
	signals := make([]*signalcast.Signal[learning.CourseEnrollmentEvent], eventTypes)
	definitions := make([]signalcast.Definition, eventTypes)
	for i := range eventTypes {
		signals[i] = signalcast.NewSignal[learning.CourseEnrollmentEvent](fmt.Sprintf("org.example.bench.subject%d.done.v1", i))
		definitions[i] = signals[i]
		config[signals[i].EventType()] = make(map[string]signalcast.TopicConfig, topics)
		for j := range topics {
			config[signals[i].EventType()][fmt.Sprintf("topic-%d", j)] = signalcast.TopicConfig{
				EventKeyField: new(keyField), Enabled: new(true),
			}
		}
	}
	return r, signals, config, r.Register(definitions...)
}

func configuredTopics() (contest, error) {
	c := contest{name: configuredContest, about: "The same events are sent while 1 and 10,000 topics are configured."}
	for _, name := range []string{single, tenThousand} {
		n := 1
		if name == tenThousand {
			n = 10_000
		}
		r, signals, config, err := configured(n, 1)
		if err != nil {
			return c, err
		}
		if _, err := signalcast.NewDispatcher(context.Background(), r, config, discard{}); err != nil {
			return c, err
		}
		events, signal := newEvents(), signals[n/2]
		c.contenders = append(c.contenders, contender{
			name: name, events: 200_000, run: func(ctx context.Context, n int) error {
				for i := range n {
					if err := signal.Send(ctx, r, events[i%len(events)]); err != nil {
						return err
					}
				}
				return nil
			},
		})
	}
	return c, nil
}

func senders() (contest, error) {
	c := contest{name: sendersContest, about: "The same events are sent by 1 and by 64 goroutines. Compare the processor time."}
	r, signals, config, err := configured(64, 1)
	if err != nil {
		return c, err
	}
	if _, err := signalcast.NewDispatcher(context.Background(), r, config, discard{}); err != nil {
		return c, err
	}
	for _, name := range []string{oneSender, manySenders} {
		n := 1
		if name == manySenders {
			n = 64
		}
		c.contenders = append(c.contenders, contender{
			name: name, events: 300_000, run: func(ctx context.Context, events int) error {
				data := newEvents()
				return together(n, events, func(sender, i int) error {
					return signals[sender].Send(ctx, r, data[i%len(data)])
				})
			},
		})
	}
	return c, nil
}

// together calls work n times in all, from several goroutines.
func together(goroutines, n int, work func(goroutine, i int) error) error {
	errs := make([]error, goroutines)
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for i := g; i < n; i += goroutines {
				if errs[g] = work(g, i); errs[g] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// kept returns the contest that measures the memory of routes.
func kept() (contest, error) {
	const eventTypes, topics = 2500, 4
	return contest{
		name: memoryContest,
		about: "A dispatcher has 10,000 routes, 4 for each event type. The bytes are its memory for each route. " +
			"The second line is the difference to one route for each event type. In the first two lines all event types share one data type. " +
			"The third line is for the event types of Open edX, and includes the memory of the registry.",
		contenders: []contender{
			{name: wholeRoute, events: eventTypes * topics, outside: func(ctx context.Context, n int) (sample, error) {
				kept, err := dispatcherMemory(ctx, n/topics, topics)
				return sample{bytes: kept / float64(n)}, err
			}},
			{name: nextRoute, events: eventTypes * topics, outside: func(ctx context.Context, n int) (sample, error) {
				all, err := dispatcherMemory(ctx, n/topics, topics)
				if err != nil {
					return sample{}, err
				}
				first, err := dispatcherMemory(ctx, n/topics, 1)
				return sample{bytes: (all - first) / float64(n-n/topics)}, err
			}},
			{name: edxRoute, events: 1, outside: func(ctx context.Context, _ int) (sample, error) {
				kept, err := openedxMemory(ctx, topics)
				return sample{bytes: kept}, err
			}},
		},
	}, nil
}

// dispatcherMemory returns the memory of a dispatcher in bytes.
func dispatcherMemory(ctx context.Context, eventTypes, topics int) (float64, error) {
	r, _, config, err := configured(eventTypes, topics)
	if err != nil {
		return 0, err
	}
	before := liveHeap()
	d, err := signalcast.NewDispatcher(ctx, r, config, discard{})
	if err != nil {
		return 0, err
	}
	after := liveHeap()
	runtime.KeepAlive(config)
	runtime.KeepAlive(r)
	return after - before, d.Close(ctx)
}

// openedxMemory returns the memory of a dispatcher and a registry with all event
// types of Open edX, in bytes for each route.
func openedxMemory(ctx context.Context, topics int) (float64, error) {
	definitions, config, known := openedx.Signals(), signalcast.ProducerConfig{}, signalcast.NewRegistry()
	if err := known.Register(definitions...); err != nil {
		return 0, err
	}
	for _, d := range definitions {
		settings := signalcast.TopicConfig{Keyless: new(true), Enabled: new(true)}
		if paths := known.KeyPaths(d.EventType()); len(paths) > 0 {
			settings = signalcast.TopicConfig{EventKeyField: &paths[0], Enabled: new(true)}
		}
		config[d.EventType()] = make(map[string]signalcast.TopicConfig, topics)
		for j := range topics {
			config[d.EventType()][fmt.Sprintf("topic-%d", j)] = settings
		}
	}
	before := liveHeap()
	r := signalcast.NewRegistry()
	if err := r.Register(definitions...); err != nil {
		return 0, err
	}
	d, err := signalcast.NewDispatcher(ctx, r, config, discard{})
	if err != nil {
		return 0, err
	}
	after := liveHeap()
	runtime.KeepAlive(config)
	return (after - before) / float64(len(d.Routes())), d.Close(ctx)
}

func liveHeap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
