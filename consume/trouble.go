package consume

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

// troubles are the topics that a source cannot read at present. The log gets the begin and the end of each.
type troubles struct {
	log *slog.Logger

	mu      sync.Mutex
	byTopic map[string]signalcast.Trouble
}

func (t *troubles) failed(topic string, err error) {
	t.mu.Lock()
	trouble, failing := t.byTopic[topic]
	if !failing {
		trouble = signalcast.Trouble{Topic: topic, Since: time.Now()}
	}
	trouble.Err = err
	if t.byTopic == nil {
		t.byTopic = map[string]signalcast.Trouble{}
	}
	t.byTopic[topic] = trouble
	t.mu.Unlock()
	if !failing {
		t.log.LogAttrs(context.Background(), slog.LevelWarn, "reading fails, retrying", topicAttr(topic), slog.Any("error", err))
	}
}

func (t *troubles) works(topic string) {
	t.mu.Lock()
	_, failing := t.byTopic[topic]
	delete(t.byTopic, topic)
	t.mu.Unlock()
	if failing {
		t.log.LogAttrs(context.Background(), slog.LevelInfo, "reading works again", topicAttr(topic))
	}
}

// topicAttr returns the topic for the log, or the zero Attr, which handlers leave out.
func topicAttr(topic string) slog.Attr {
	if topic == "" {
		return slog.Attr{}
	}
	return slog.String("topic", topic)
}

func (t *troubles) list() []signalcast.Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]signalcast.Trouble, 0, len(t.byTopic))
	for _, trouble := range t.byTopic {
		list = append(list, trouble)
	}
	slices.SortFunc(list, func(a, b signalcast.Trouble) int { return cmp.Compare(a.Topic, b.Topic) })
	return list
}
