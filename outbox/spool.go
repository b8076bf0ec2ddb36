package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/safelog"
)

// SpoolConfig configures a [Spool]. The zero SpoolConfig is valid.
type SpoolConfig struct {
	// Size is the most messages that wait to be stored. Further ones are lost, counted and logged. The
	// default is 10,000.
	Size int
	// Logger gets errors of the database. It never gets event data or keys. The default discards
	// everything.
	Logger *slog.Logger
}

// Spool stores messages that a backend did not deliver, so that a [Relay] publishes them later. It is for
// messages that are published at once, of mode immediate or on-commit:
//
//	spool := outbox.NewSpool(store, outbox.SpoolConfig{})
//	hooks := signalcast.WithHooks(spool.Hooks())
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend, hooks)
//
// It stores messages that failed delivery, and those that were rejected because the buffer was full. A
// message of unknown fate may be published twice, and one whose commit is unknown is stored again. Spooled messages
// do not keep their place in the order of their key. All methods are safe for concurrent use.
type Spool struct {
	store Store
	log   *slog.Logger
	queue chan *signalcast.Message

	stop    context.CancelFunc
	closing chan struct{}
	close   sync.Once
	done    chan struct{}

	stored, waiting, lost atomic.Int64
}

// SpoolStats counts messages since the spool was made.
type SpoolStats struct {
	// Stored messages are rows of the store. Waiting ones are not stored yet. Lost ones found no
	// room, or were left when Close gave up.
	Stored, Waiting, Lost int64
}

// NewSpool returns a spool that stores messages in s. The caller closes it after the dispatcher, and s
// after the spool.
func NewSpool(s Store, c SpoolConfig) *Spool {
	if c.Size <= 0 {
		c.Size = 10_000
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	spool := &Spool{
		store: s, log: safelog.New(c.Logger, func() {}), queue: make(chan *signalcast.Message, c.Size),
		stop: stop, closing: make(chan struct{}), done: make(chan struct{}),
	}
	go spool.run(ctx)
	return spool
}

// Hooks returns the hooks for [signalcast.WithHooks].
func (s *Spool) Hooks() signalcast.Hooks {
	return signalcast.Hooks{
		Failed: func(err *signalcast.DeliveryError) { s.add(err.Message) },
		Rejected: func(err *signalcast.DeliveryError) {
			if errors.Is(err, signalcast.ErrBufferFull) {
				s.add(err.Message)
			}
		},
	}
}

func (s *Spool) add(m *signalcast.Message) {
	if s.waiting.Add(1) <= int64(cap(s.queue)) {
		s.queue <- m
	} else {
		s.waiting.Add(-1)
		s.lost.Add(1)
		s.log.LogAttrs(context.Background(), slog.LevelError, "spool is full, message lost",
			slog.String("event_type", m.Event.EventType), slog.String("event_id", m.Event.ID.String()), slog.String("topic", m.Topic))
	}
}

// Stats returns the counts.
func (s *Spool) Stats() SpoolStats {
	return SpoolStats{Stored: s.stored.Load(), Waiting: s.waiting.Load(), Lost: s.lost.Load()}
}

// run stores messages until Close, and then those that are left.
func (s *Spool) run(ctx context.Context) {
	defer close(s.done)
	failing := false
	for {
		batch := s.next(ctx)
		if batch == nil {
			return
		}
		for {
			err := s.store.Insert(ctx, batch)
			if err == nil {
				s.stored.Add(int64(len(batch)))
				s.waiting.Add(-int64(len(batch)))
				if failing {
					failing = false
					s.log.LogAttrs(ctx, slog.LevelInfo, "outbox works again")
				}
				break
			}
			if !failing && ctx.Err() == nil {
				failing = true
				s.log.LogAttrs(ctx, slog.LevelWarn, "outbox fails, retrying", slog.String("operation", "spool messages"), slog.Any("error", err))
			}
			select {
			case <-ctx.Done():
				s.lost.Add(s.waiting.Swap(0))
				return
			case <-time.After(time.Second):
			}
		}
	}
}

// next waits for messages and returns those that are there, at most 100, or nil after Close.
func (s *Spool) next(ctx context.Context) []*signalcast.Message {
	var batch []*signalcast.Message
	select {
	case m := <-s.queue:
		batch = append(batch, m)
	default:
		select {
		case m := <-s.queue:
			batch = append(batch, m)
		case <-s.closing:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	for len(batch) < 100 {
		select {
		case m := <-s.queue:
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// Close stores the messages that wait, or gives up when ctx ends. It must be called after the last hook was
// called, that is, after the dispatcher is closed.
func (s *Spool) Close(ctx context.Context) error {
	s.close.Do(func() { close(s.closing) })
	select {
	case <-s.done:
	case <-ctx.Done():
		s.stop()
		<-s.done
	}
	s.stop()
	if lost := s.lost.Load(); lost > 0 {
		return fmt.Errorf("outbox: %d messages of the spool were lost", lost)
	}
	return nil
}
