package kafka

import (
	"slices"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// topic is the state of one topic.
type topic struct {
	name        string
	partitions  []*partition // empty while their number is unknown
	discovered  time.Time    // when the number was last read
	discovering bool
	rejection   error             // of the topic by the brokers when its partitions were last read, or nil
	backlog     []kafkabus.Record // waits for the number, or for removed partitions

	// removed are partitions that the topic no longer has and whose goroutine may still run. Until
	// none of them is leaving, their records come together in moved, and new ones in backlog.
	removed []*partition
	leaving int
	moved   []kafkabus.Record
}

// startDiscovering starts discover, unless it runs. It is called with mu held.
func (w *writer) startDiscovering(t *topic, failed bool) {
	if !t.discovering && w.ctx.Err() == nil {
		t.discovering = true
		w.running.Go(func() { w.discover(t, failed) })
	}
}

// rediscover reads the leaders of a topic again after a failure, unless they were read a moment ago.
func (w *writer) rediscover(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.topics[name]; t != nil && time.Since(t.discovered) >= refreshInterval {
		w.startDiscovering(t, true)
	}
}

// discover reads the partitions of a topic and their leaders, after a failure from a broker. It
// retries while records wait for them.
func (w *writer) discover(t *topic, failed bool) {
	attempts := w.troubles.To(t.name)
	defer attempts.Ended()
	var cause error // of the last attempt that Close did not end
	for repeats := 0; ; repeats++ {
		leaders, err := w.cluster.leaders(w.ctx, t.name, failed || repeats > 0)
		if w.ctx.Err() == nil || cause == nil {
			cause = err
		} else if err != nil {
			err = cause
		}
		late, done := w.discovered(t, leaders, err)
		for i := range late {
			late[i].Failed(signalcast.FateNotWritten, late[i].cause)
		}
		if done {
			if err == nil {
				attempts.Succeeded()
			}
			return
		}
		if w.ctx.Err() == nil {
			attempts.Failed(explain(err))
		}
		w.cluster.refresh()
		_ = backendkit.Pause(w.ctx, repeats+1, 0) // the next attempt sees that ctx has ended
	}
}

// rejectionOf returns the error with which the brokers reject a topic, such as that of missing rights, or nil.
func (w *writer) rejectionOf(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.topics[name].rejection
}

// failure is a record that will not be retried.
type failure struct {
	kafkabus.Record

	cause error
}

// discovered sets the partitions of a topic by their leaders, unless err is not nil. It returns the
// records that will not be retried, and whether no record waits any more.
func (w *writer) discovered(t *topic, leaders []int32, err error) (failed []failure, done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.resize(t, len(leaders))
		for i, leader := range leaders {
			t.partitions[i].leader = leader
		}
	}
	t.rejection = nil
	if permanent(err) {
		t.rejection = err
	}
	if len(t.partitions) > 0 {
		w.assignWaiting(t)
		t.discovered, t.discovering = time.Now(), false
		return nil, true
	}
	v := w.verdictOn(err)
	t.backlog = slices.DeleteFunc(t.backlog, func(r kafkabus.Record) bool {
		cause := v.of(&r)
		if cause != nil {
			failed = append(failed, failure{r, cause})
		}
		return cause != nil
	})
	t.discovering = len(t.backlog) > 0
	return failed, !t.discovering
}

// resize makes the topic have n partitions. A topic that was deleted and created again may have
// fewer than before. It is called with mu held.
func (w *writer) resize(t *topic, n int) {
	t.removed = slices.DeleteFunc(t.removed, func(p *partition) bool { return !p.served })
	for len(t.partitions) > n {
		last := t.partitions[len(t.partitions)-1]
		t.partitions = t.partitions[:len(t.partitions)-1]
		if last.served {
			last.leaving = true
			t.leaving++
			t.removed = append(t.removed, last)
		}
	}
	for i := len(t.partitions); i < n; i++ {
		p := &partition{writer: w, topic: t.name, number: int32(i), attempts: w.troubles.To(t.name)} //nolint:gosec // a number of partitions fits
		for _, r := range t.removed {
			if r.number == p.number { // one goroutine serves a partition
				p = r
			}
		}
		if p.leaving {
			p.leaving = false
			t.leaving--
		}
		t.removed = slices.DeleteFunc(t.removed, func(r *partition) bool { return r == p })
		t.partitions = append(t.partitions, p)
	}
}

// leave takes over the records of a removed partition, except the first ones, which its goroutine
// continues with. It is called with mu held.
func (w *writer) leave(p *partition, keep int) {
	t := w.topics[p.topic]
	t.moved = append(append(t.moved, p.pending[keep:]...), p.queue...)
	p.pending, p.queue = p.pending[:keep], nil
	p.leaving = false
	t.leaving--
	w.assignWaiting(t)
}

// assignWaiting assigns the records that wait for partitions, older ones first, unless some are still
// to come. It is called with mu held.
func (w *writer) assignWaiting(t *topic) {
	if t.leaving > 0 || len(t.partitions) == 0 {
		return
	}
	waiting := append(t.moved, t.backlog...)
	t.moved, t.backlog = nil, nil
	for _, r := range waiting {
		w.assign(t, r)
	}
}
