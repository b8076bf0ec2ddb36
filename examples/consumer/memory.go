package main

import (
	"context"
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
	source "github.com/signalcast/signalcast/consume/memory"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/openedx/authoring"
	"github.com/signalcast/signalcast/openedx/learning"
)

// runInMemory sends a sample of each event type to a backend in memory, as another service would, and reads the samples from there.
func runInMemory(ctx context.Context, receivers *signalcast.Registry) error {
	bus, sender := memory.New(), signalcast.NewRegistry()
	if err := sender.Register(openedx.Signals()...); err != nil {
		return err
	}
	config := signalcast.ProducerConfig{}
	for i, eventType := range eventTypes() {
		config[eventType] = map[string]signalcast.TopicConfig{topics()[i]: {Keyless: new(true), Enabled: new(true)}}
	}
	dispatcher, err := signalcast.NewDispatcher(ctx, sender, config, bus)
	if err != nil {
		return err
	}
	defer func() { _ = dispatcher.Close(context.WithoutCancel(ctx)) }()

	read := source.NewSource(bus, "example-consumer", topics()...)
	consumer, err := consume.New(receivers, read, consume.Config{Concurrency: 1})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	for _, eventType := range eventTypes() {
		data, err := sender.Sample(eventType)
		if err != nil {
			return err
		}
		if err := sender.SendJSON(ctx, eventType, data); err != nil {
			return err
		}
		if err := read.Wait(ctx); err != nil {
			return fmt.Errorf("wait for the receivers: %w", err)
		}
	}
	stop()
	return <-ended
}

// eventTypes are the event types of topics, in the same order.
func eventTypes() []string {
	return []string{
		learning.CourseEnrollmentCreated.EventType(), learning.CertificateCreated.EventType(), authoring.XBlockPublished.EventType(),
	}
}
