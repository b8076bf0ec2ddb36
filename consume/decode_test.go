package consume_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

// pair is text whose decoding waits until another one is decoded at the same time.
type pair struct{ text string }

var meeting = make(chan struct{})

func (p pair) MarshalText() ([]byte, error) { return []byte(p.text), nil }

func (p *pair) UnmarshalText(text []byte) error {
	select {
	case meeting <- struct{}{}:
	case <-meeting:
	case <-time.After(patience):
	}
	p.text = string(text)
	return nil
}

type paired struct {
	Pair pair `avro:"pair"`
}

// Messages of two lanes of one feed are decoded at the same time, and not by Add.
func TestWorkersDecode(t *testing.T) {
	t.Parallel()
	signal := signalcast.NewSignal[paired]("org.example.pair.made.v1")
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(signal))
	names := make(chan string, 2)
	_, err := signal.Connect(registry, func(_ context.Context, e signalcast.Event[paired]) error {
		names <- e.Data.Pair.text
		return nil
	})
	require.NoError(t, err)
	s := newScript(true)
	r := startWith(t, registry, s, consume.Config{})
	var messages []consume.Message
	for i, key := range []string{"a", "b"} {
		messages = append(messages, consume.Message{
			Topic: topic, Offset: int64(i), Key: []byte(key), Value: encode(key),
			Attributes: consume.Attributes{Type: []byte(signal.EventType())},
		})
	}
	begin := time.Now()
	s.feed.Add(messages)
	require.ElementsMatch(t, []string{"a", "b"}, []string{<-names, <-names})
	require.Less(t, time.Since(begin), patience)
	r.stop(t)
}
