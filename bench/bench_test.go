package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/internal/shape"
	"github.com/signalcast/signalcast/openedx/learning"
)

func TestHandWrittenCodeWritesTheSameBytes(t *testing.T) {
	t.Parallel()
	compiled, err := shape.Compile(reflect.TypeFor[learning.CourseEnrollmentEvent]())
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range newEvents() {
		want, err := compiled.AppendAvro(nil, shape.RefOf(&event))
		if err != nil {
			t.Fatal(err)
		}
		r, err := encode(&event)
		if err != nil || string(r.value[framing:]) != string(want) {
			t.Fatalf("value is %q (%v), want %q", r.value[framing:], err, want)
		}
	}
	backend := memory.New()
	registry, dispatcher, err := dispatch(t.Context(), backend, "topic")
	if err != nil {
		t.Fatal(err)
	}
	event, at := newEvents()[0], time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)
	if err := learning.CourseEnrollmentCreated.Send(t.Context(), registry, event); err != nil {
		t.Fatal(err)
	}
	m := backend.Messages()[0]
	r, err := encode(&event)
	if err != nil || string(r.key[framing:]) != string(m.Key) {
		t.Fatalf("key is %q (%v), want %q", r.key[framing:], err, m.Key)
	}
	m.Event.Time = at
	if got, want := appendTime(nil, at), m.Event.AppendTime(nil); string(got) != string(want) {
		t.Fatalf("time is %q, want %q", got, want)
	}
	if err := dispatcher.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestLostEventFailsTheRun(t *testing.T) {
	t.Parallel()
	stored := 0
	c := contest{name: "counted", contenders: []contender{{
		name: "forgetful", events: 10,
		run:    func(_ context.Context, n int) error { stored += n - 1; return nil },
		stored: func(context.Context) (int, error) { return stored, nil },
	}}}
	if _, err := c.runRounds(t.Context(), 1); err == nil {
		t.Fatal("found no error for a lost event")
	}
}

func TestRatiosCompareTheSameRound(t *testing.T) {
	t.Parallel()
	of := func(ns ...float64) (r result) {
		for _, x := range ns {
			r.samples = append(r.samples, sample{ns: x})
		}
		return r
	}
	a, b := of(10, 200, 30), of(5, 100, 10)
	if got := a.ratio(b, byTime); got != 2 {
		t.Fatalf("ratio is %v, want 2", got)
	}
	g := faster("", "c", "b", "a", 2, "")
	a.name, b.name = "a", "b"
	if value, met, found := g.value(map[string][]result{"c": {a, b}}); value != 2 || !met || !found {
		t.Fatalf("goal is %v, %v, %v", value, met, found)
	}
}

func TestChartIsXML(t *testing.T) {
	t.Parallel()
	r := report{
		contests: []contest{{name: redisSync}},
		results:  map[string][]result{redisSync: {{name: "a & b", samples: []sample{{ns: 100}}}}},
	}
	for d := xml.NewDecoder(bytes.NewReader(r.chart())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestHandWrittenCodeDecodesTheSameEvent(t *testing.T) {
	t.Parallel()
	values, err := encoded()
	if err != nil {
		t.Fatal(err)
	}
	events := newEvents()
	events[0].Enrollment.CreatedBy, events[0].Enrollment.Course.Start = nil, nil
	r, err := encode(&events[0])
	if err != nil {
		t.Fatal(err)
	}
	values[0] = r.value[framing:]
	for i, value := range values {
		got, err := decodeByHand(receivedMetadata(), value)
		if err != nil || !reflect.DeepEqual(got.event, events[i]) {
			t.Fatalf("event is %+v (%v), want %+v", got.event, err, events[i])
		}
		for end := range value {
			if _, err := decodeByHand(receivedMetadata(), value[:end]); err == nil {
				t.Fatalf("found no error for the first %d bytes", end)
			}
		}
	}
}
