package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/consume"
)

// topicReader reads messages of topics for a command, one at a time.
type topicReader struct {
	source   busSource
	registry *signalcast.Registry
	// show writes a message. If the message cannot be decoded, e is nil and fault is the reason.
	show func(m *consume.Message, e *signalcast.Received, fault error) error
	// publish is called with each message instead of show, unless it is nil. A message is acknowledged after publish returns nil.
	publish func(ctx context.Context, m *consume.Message) error
	limit   int           // the number of messages after which reading ends; 0 means no limit
	idle    time.Duration // the time without a message after which reading ends; 0 means no limit
	report  func(trouble error)

	ctx     context.Context //nolint:containedctx // of run
	stop    context.CancelCauseFunc
	looked  chan struct{} // closed after the first look for the ends; messages and the idle time wait for it
	stalled chan struct{} // no message came for the idle time, though there are some

	mu        sync.Mutex
	ends      *ends       // where reading ends; nil means nowhere
	idleTimer *time.Timer // nil if idle is 0
	active    time.Time   // when the timer was last started
	stalls    int         // idle times in a row, though there are messages
	read      int         // the number of messages read
}

// maxLook bounds the first look for the ends, in case that the broker gives messages and does not tell the ends.
const maxLook = 10 * time.Second

// maxStalls is the number of idle times without a message after which reading ends, though there are messages.
const maxStalls = 10

// run reads until ctx ends, limit messages are read, all messages up to the ends are handled, showing or publishing one fails, or no
// message comes for the idle time. In the last case, run returns an error if the source cannot be read. If the ends are known, idle times do not end reading
// until maxStalls of them have passed, and run returns an error then.
func (r *topicReader) run(ctx context.Context) error {
	if r.idle < 0 {
		return usageError{fmt.Errorf("--idle: found %v; want a duration such as 15s, or 0 for no limit", r.idle)}
	}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	consumer, err := r.consumer()
	if err != nil {
		return err
	}
	r.looked, r.stalled = make(chan struct{}), make(chan struct{}, 1)
	if r.idle > 0 {
		r.mu.Lock()
		r.active = time.Now()
		r.idleTimer = time.AfterFunc(r.idle, func() { r.idled(consumer) })
		r.mu.Unlock()
		defer r.idleTimer.Stop()
	}
	var background sync.WaitGroup
	background.Go(func() { r.watch(consumer) })
	if r.ends == nil {
		close(r.looked)
	} else {
		background.Go(r.findEnds)
	}
	err = consumer.Run(r.ctx)
	r.stop(nil)
	background.Wait()
	if cause := context.Cause(r.ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

func (r *topicReader) consumer() (*consume.Consumer, error) {
	c := consume.Config{Concurrency: 1, Grace: time.Second, FailUnknown: true, MaxDeliveries: -1, HandleAll: true}
	if r.publish != nil {
		// Each message fails, so the consumer publishes it as a dead letter and then acknowledges it. The source
		// passes the dead letter to r.publish.
		c.Handle = func(context.Context, *signalcast.Received) error { return consume.ErrPermanent }
		return consume.New(r.registry, republishingSource{r.source, r}, c)
	}
	show := func(m *consume.Message, e *signalcast.Received, fault error) {
		_ = r.next(m, func() error { return r.show(m, e, fault) })
	}
	c.OnFailure = consume.Drop
	c.Hooks.Dropped = func(m *consume.Message, err error) { show(m, nil, err) }
	c.Handle = func(ctx context.Context, e *signalcast.Received) error {
		m, _ := consume.MessageFrom(ctx)
		show(m, e, nil)
		return nil
	}
	return consume.New(r.registry, r.source, c)
}

// republishingSource is a source that passes its dead letters to the reader instead of a dead-letter topic.
type republishingSource struct {
	consume.Source

	reader *topicReader
}

func (s republishingSource) Publish(ctx context.Context, _ string, m *consume.Message, _ []consume.Field) error {
	return s.reader.next(m, func() error { return s.reader.publish(ctx, m) })
}

// errPassed is the failure of a message that is left for the next command.
var errPassed = errors.New("the message came after the command had begun")

// next calls f for the next message, and counts the message. It returns an error without calling f if reading has ended, or m is not to
// be read. An error of f ends reading.
func (r *topicReader) next(m *consume.Message, f func() error) error {
	select {
	case <-r.ctx.Done():
	case <-r.looked:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if r.ends != nil && r.ends.passed(m) {
		r.stopAtEnds()
		return errPassed
	}
	defer r.restartIdleTimer()
	if err := f(); err != nil {
		r.stop(err)
		return err
	}
	r.stalls = 0
	if r.read++; r.read == r.limit {
		r.stop(nil)
	}
	if r.ends != nil {
		r.ends.handled(m)
		r.stopAtEnds()
	}
	return nil
}

// stopAtEnds ends reading if all messages up to the ends are handled. It is called with mu held, so that no message is being handled.
func (r *topicReader) stopAtEnds() {
	if r.ends.reached() {
		r.stop(nil)
	}
}

// restartIdleTimer is called with mu held.
func (r *topicReader) restartIdleTimer() {
	if r.idleTimer != nil {
		r.active = time.Now()
		r.idleTimer.Reset(r.idle)
	}
}

// idled ends reading after an idle time, unless the broker is known to have messages.
func (r *topicReader) idled(consumer *consume.Consumer) {
	trouble := troubleOf(consumer)
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.active) < r.idle {
		return // a message was being handled when the timer ended
	}
	select {
	case <-r.looked:
	default:
		if trouble == nil {
			r.restartIdleTimer() // a message may wait for the look
			return
		}
	}
	if trouble != nil || r.ends == nil || !r.ends.known() {
		r.stop(trouble)
		return
	}
	if r.stalls++; r.stalls == maxStalls {
		r.stop(fmt.Errorf("found no message for %v; want all up to %s", maxStalls*r.idle, r.ends.unreached()))
		return
	}
	r.restartIdleTimer()
	select {
	case r.stalled <- struct{}{}:
	default:
	}
}

// findEnds asks the broker for the ends until it replies, and once more after each stall, until reading ends.
func (r *topicReader) findEnds() {
	look, cancel := context.WithTimeout(r.ctx, maxLook)
	err := r.look(look)
	cancel()
	r.mu.Lock()
	close(r.looked)
	r.restartIdleTimer()
	r.mu.Unlock()
	failures := 0
	for {
		if err != nil { // watch reports why the broker does not reply
			failures++
			if backendkit.Pause(r.ctx, failures, 0) != nil {
				return
			}
		} else {
			failures = 0
			select {
			case <-r.ctx.Done():
				return
			case <-r.stalled:
			}
		}
		err = r.look(r.ctx)
	}
}

// look asks the broker for the ends once.
func (r *topicReader) look(ctx context.Context) error {
	list, err := r.source.Lag(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends.update(list)
	r.stopAtEnds()
	return nil
}

// watch reports each new trouble of the source, until reading ends. The idle time of a group begins when the group has partitions.
func (r *topicReader) watch(consumer *consume.Consumer) {
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	last := ""
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticks.C:
		}
		status := consumer.Status()
		if status.Group != "" && len(status.Feeds) == 0 && len(status.Troubles) == 0 {
			r.mu.Lock()
			r.restartIdleTimer() // a broker may assign partitions to a new member only after some seconds
			r.mu.Unlock()
		}
		for _, trouble := range status.Troubles {
			if text := trouble.Err.Error(); text != last {
				last = text
				r.report(trouble.Err)
			}
		}
	}
}

// troubleOf returns the reason why the source cannot be read, or nil. A missing topic is no reason: it has no messages.
func troubleOf(consumer *consume.Consumer) error {
	for _, trouble := range consumer.Status().Troubles {
		if !isMissingTopic(trouble.Err) {
			return trouble.Err
		}
	}
	return nil
}

func isMissingTopic(err error) bool { return errors.Is(err, kerr.UnknownTopicOrPartition) }
