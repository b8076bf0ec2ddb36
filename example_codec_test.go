package signalcast_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"log"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// xmlCodec encodes the data of events as XML, and keys as text.
type xmlCodec struct{}

func (xmlCodec) ContentType() string { return "application/xml" }

func (xmlCodec) Compile(signalcast.Definition) (signalcast.Encoder, error) { return xmlEncoder{}, nil }

type xmlEncoder struct{}

func (xmlEncoder) ValueSchema() *signalcast.Schema { return nil }

func (xmlEncoder) AppendValue(dst []byte, data signalcast.Data) ([]byte, error) {
	text, err := xml.Marshal(data.Value())
	return append(dst, text...), err
}

func (xmlEncoder) KeySchema(*signalcast.KeyField) *signalcast.Schema { return nil }

func (xmlEncoder) AppendKey(dst []byte, k *signalcast.KeyField, data signalcast.Data) ([]byte, error) {
	return fmt.Append(dst, k.Value(data)), nil
}

// A codec of your own writes events in any format.
func ExampleCodec() {
	registry, backend := signalcast.NewRegistry(), memory.New()
	if err := registry.Register(Published); err != nil {
		log.Fatal(err)
	}
	_, err := signalcast.NewDispatcher(context.Background(), registry, exampleConfig(), backend,
		signalcast.WithCodec(xmlCodec{}))
	if err != nil {
		log.Fatal(err)
	}
	data := CoursePublished{CourseKey: "course-v1:edX+DemoX", Title: "Demo"}
	if err := Published.Send(context.Background(), registry, data); err != nil {
		log.Fatal(err)
	}
	for _, m := range backend.Messages() {
		fmt.Printf("%s %s\n%s\n", m.Event.ContentType, m.Key, m.Event.Value)
	}
	// Output:
	// application/xml course-v1:edX+DemoX
	// <CoursePublished><CourseKey>course-v1:edX+DemoX</CourseKey><Title>Demo</Title></CoursePublished>
}
