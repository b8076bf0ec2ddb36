package consume

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/safelog"
)

// Consumer handles the messages of a source. All methods are safe for concurrent use.
type Consumer struct {
	registry *signalcast.Registry
	source   Source
	config   Config
	log      *slog.Logger
	running  atomic.Bool
	troubles troubles

	mu                    sync.Mutex
	wake                  *sync.Cond // a lane is ready, or ending changed
	idle                  int        // workers that wait
	waking                bool       // one of them was woken and does not run yet
	readyFirst, readyLast *lane
	ending                bool // the workers end when no lane is ready
	feeds                 map[*Feed]struct{}
	held                  map[*lane]struct{} // wait for the next attempt of a message
	topics                map[string]*topicCounts
	skipped               map[string]int64 // by event type
	cause                 *StopError       // of the end of Run
	stop                  context.CancelFunc
}

// New returns a consumer that decodes the messages of s as events of the signals in r, and calls their receivers. It
// does not access the broker. The error joins a [*ConfigError] for each fault of c.
func New(r *signalcast.Registry, s Source, c Config) (*Consumer, error) {
	switch {
	case r == nil:
		return nil, &ConfigError{"registry", "nil", "the registry of the signals"}
	case s == nil:
		return nil, &ConfigError{"source", "nil", "the source of the messages"}
	}
	if err := c.setDefaults(); err != nil {
		return nil, err
	}
	consumer := &Consumer{
		registry: r, source: s, config: c,
		feeds: map[*Feed]struct{}{}, held: map[*lane]struct{}{}, topics: map[string]*topicCounts{}, skipped: map[string]int64{},
	}
	consumer.wake = sync.NewCond(&consumer.mu)
	consumer.log = safelog.New(c.Logger, nil)
	consumer.troubles.log = consumer.log
	return consumer, nil
}

// lanesEach is the number of lanes of a feed for each concurrent call, so that a lane that waits holds few keys.
const lanesEach = 16

func (c *Consumer) laneCount() int {
	if c.config.Concurrency == 1 {
		return 1
	}
	return lanesEach * c.config.Concurrency
}

// fullTopic returns a topic of the configuration with the prefix.
func (c *Consumer) fullTopic(topic string) string {
	if c.config.TopicPrefix == "" {
		return topic
	}
	return c.config.TopicPrefix + "-" + topic
}

// Run reads and handles messages until ctx ends. Then it reads nothing more, waits for receivers at most
// Config.Grace, acknowledges what was handled, and returns nil. Messages that are not handled are delivered again,
// to another consumer of the group or to the next Run.
//
// Run returns a [*StopError] if a message stopped the consumer, ErrRunning if it runs already, and the error of a source that
// cannot work.
func (c *Consumer) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer c.running.Store(false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.ending, c.cause, c.stop = false, nil, cancel
	c.mu.Unlock()
	var workers sync.WaitGroup
	for range c.config.Concurrency {
		workers.Go(func() { c.work(&workers) })
	}
	err := c.source.Run(ctx, &Intake{c})
	c.mu.Lock()
	c.ending = true
	c.wake.Broadcast()
	cause := c.cause
	c.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		workers.Wait()
		close(ended)
	}()
	timer := time.NewTimer(lastWait)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		c.log.LogAttrs(ctx, slog.LevelError, "receivers do not return after the end of their context")
	}
	if cause != nil {
		return cause
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// lastWait is how long Run waits for receivers after their contexts have ended.
const lastWait = time.Second
