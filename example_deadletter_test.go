package signalcast_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// What a destination does not take is kept in a topic beside it, through a
// backend of its own.
func ExampleWithDeadLetter() {
	type shipped struct {
		Parcel string `avro:"parcel"`
	}
	signal := signalcast.NewSignal[shipped]("org.example.parcel.shipped.v1")
	registry := signalcast.NewRegistry()
	if err := registry.Register(signal); err != nil {
		panic(err)
	}
	config := signalcast.ProducerConfig{signal.EventType(): {"parcels": {EventKeyField: new("parcel"), Enabled: new(true)}}}

	backend, spare := memory.New(), memory.New()
	backend.Inject(memory.Fault{Times: 1, Err: errors.New("disk is full"), Fate: signalcast.FateNotWritten})

	ctx := context.Background()
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend,
		signalcast.WithDeadLetter("dead"), signalcast.WithDeadLetterBackend(spare))
	if err != nil {
		panic(err)
	}
	for _, parcel := range []string{"17", "18"} {
		if _, err := signal.SendAsync(ctx, registry, shipped{parcel}); err != nil {
			panic(err)
		}
	}
	if err := dispatcher.Close(ctx); err != nil {
		panic(err)
	}
	for _, m := range append(backend.Messages(), spare.Messages()...) {
		fmt.Printf("%s %q\n", m.Topic, m.Key)
	}
	fmt.Println(dispatcher.Stats().DeadLetters, "of", dispatcher.Stats().Failed, "failed messages kept")
	// Output:
	// parcels "\x0418"
	// parcels-dead "\x0417"
	// 1 of 1 failed messages kept
}
