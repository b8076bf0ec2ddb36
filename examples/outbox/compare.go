package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	goredis "github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/examples/filebackend"
)

// compare compares the enrolments in the database with the published events.
func (s settings) compare(ctx context.Context, out io.Writer) error {
	db, err := openDatabase(ctx, s)
	if err != nil {
		return err
	}
	defer db.close()
	committed, err := db.ids(ctx)
	if err != nil {
		return err
	}
	published, err := s.published(ctx)
	if err != nil {
		return err
	}
	times, last := map[int64]int{}, map[string]int64{}
	disorder, phantoms := 0, 0
	for _, e := range published {
		if e.Course == fullCourse {
			phantoms++
		}
		if times[e.ID]++; times[e.ID] > 1 {
			continue
		}
		if e.ID < last[e.User] {
			disorder++
		}
		last[e.User] = e.ID
	}
	lost := 0
	for _, id := range committed {
		if times[id] == 0 {
			lost++
		}
	}
	fmt.Fprintf(out, "enrolments in the database: %d\npublished: %d, of them again: %d\nlost: %d\nof rolled-back transactions: %d\nout of order: %d\n",
		len(committed), len(published), len(published)-len(times), lost, phantoms, disorder)
	if lost+phantoms+disorder > 0 {
		return fmt.Errorf("found %d lost, %d rolled-back and %d disordered events; want none", lost, phantoms, disorder)
	}
	return nil
}

// published returns the data of the published events, in their order.
func (s settings) published(ctx context.Context) ([]enrollment, error) {
	registry := signalcast.NewRegistry()
	if err := registry.Register(enrollmentCreated); err != nil {
		return nil, err
	}
	var all []enrollment
	_, err := enrollmentCreated.Connect(registry, func(_ context.Context, e signalcast.Event[enrollment]) error {
		all = append(all, e.Data)
		return nil
	})
	if err != nil {
		return nil, err
	}
	values, err := s.values(ctx)
	if err != nil {
		return nil, err
	}
	for _, value := range values {
		received, err := registry.Decode(signalcast.Metadata{EventType: enrollmentCreated.EventType()}, nil, value)
		if err != nil {
			return nil, err
		}
		if err := received.Deliver(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// values returns the values of the messages in the file or in the stream.
func (s settings) values(ctx context.Context) (values [][]byte, err error) {
	if s.redis == "" {
		text, err := os.ReadFile(s.eventFile())
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			var message filebackend.Line
			if json.Unmarshal(line, &message) == nil { // the last line of a killed process may be cut
				values = append(values, message.Value)
			}
		}
		return values, nil
	}
	options, err := goredis.ParseURL(s.redis)
	if err != nil {
		return nil, err
	}
	client := goredis.NewClient(options)
	defer func() { _ = client.Close() }()
	entries, err := client.XRange(ctx, topic, "-", "+").Result()
	for _, entry := range entries {
		values = append(values, []byte(entry.Values["event_data"].(string)))
	}
	return values, err
}
