package franz

import (
	"slices"
	"sync"
	"time"

	"github.com/signalcast/signalcast/internal/kafkabus"
)

// deadlines fails records that franz-go has not failed by their delivery timeout. franz-go waits for
// the response to a request in flight first, which can take several times the timeout.
type deadlines struct {
	timeout time.Duration
	expire  func(r kafkabus.Record, held bool)
	start   time.Time

	mu     sync.Mutex
	listed []listing // in the order in which the records were accepted; some have an outcome
	timer  *time.Timer
	armed  bool
	closed bool
	count  int64
	failed map[string]bool // topics with failed records since the last call of slow

	expiring sync.Mutex // held while expire is called
}

// listing is a record in deadlines. The record has an outcome, and may be that of another message, if its
// pending differs from number.
type listing struct {
	r        *record
	number   int64
	topic    string
	accepted time.Duration // since the start
}

func (l listing) completed() bool { return l.r.pending.Load() != l.number }

// timeoutGrace is how long franz-go may take longer than the delivery timeout. Its own error has the
// cause and may have a better fate.
const timeoutGrace = 800 * time.Millisecond

// add adds a record.
func (d *deadlines) add(r *record) {
	accepted := r.message.Accepted.Sub(d.start)
	r.held.Store(false)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	r.number = d.count
	r.pending.Store(d.count)
	if len(d.listed) == cap(d.listed) {
		d.tidy()
		d.listed = slices.Grow(d.listed, max(64, len(d.listed))) // so that half is free after each tidy
	}
	d.listed = append(d.listed, listing{r, d.count, r.client.Topic, accepted})
	d.arm()
}

// remove removes a record. It returns false if the record has failed here. The caller must not use such
// a record for another message.
func (d *deadlines) remove(r *record) bool { return r.pending.Swap(0) != 0 }

// hold notes that no client has a record, and unhold that a client gets it. unhold returns false
// if the record has failed here.
func (d *deadlines) hold(r *record) { r.held.Store(true) }

func (d *deadlines) unhold(r *record) (listed bool) {
	r.held.Store(false) // before the record can be seen to be pending, so that its fate is not "not written"
	return r.pending.Load() != 0
}

// unheld returns how many records of a topic a client has.
func (d *deadlines) unheld(topic string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.listed {
		if l := &d.listed[i]; l.topic == topic && !l.r.held.Load() && !l.completed() {
			n++
		}
	}
	return n
}

// noteFailure notes that a record of a topic has failed.
func (d *deadlines) noteFailure(topic string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed[topic] = true
}

// slow returns the age of the oldest record of each topic that has one as old as the given age and
// with a client. It returns the topics whose records failed since the last call too.
func (d *deadlines) slow(age time.Duration) (slow map[string]time.Duration, failed map[string]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	slow = map[string]time.Duration{}
	now, old := time.Since(d.start), 0
	for ; old < len(d.listed) && now-d.listed[old].accepted >= age; old++ {
		l := &d.listed[old]
		if _, older := slow[l.topic]; !older && !l.r.held.Load() && !l.completed() {
			slow[l.topic] = now - l.accepted
		}
	}
	left := slices.DeleteFunc(d.listed[:old], listing.completed) // after a burst, their memory is not kept
	d.listed = slices.Delete(d.listed, len(left), old)
	failed, d.failed = d.failed, map[string]bool{}
	return slow, failed
}

// close ends the timer and waits for calls of expire.
func (d *deadlines) close() {
	d.mu.Lock()
	d.closed = true
	if d.timer != nil {
		d.timer.Stop()
	}
	d.mu.Unlock()
	d.expiring.Lock()
	defer d.expiring.Unlock()
}

// fail fails the records that timed out.
func (d *deadlines) fail() {
	d.expiring.Lock()
	defer d.expiring.Unlock()
	for _, r := range d.claim() {
		d.expire(r.message, r.held.Load())
	}
}

// claim removes the records that timed out, and sets the timer for the others.
func (d *deadlines) claim() (expired []*record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed = false
	if d.closed {
		return nil
	}
	now := time.Since(d.start)
	for i := range d.listed {
		l := &d.listed[i]
		if l.accepted+d.timeout+timeoutGrace > now {
			break
		}
		if l.r.pending.CompareAndSwap(l.number, 0) {
			expired = append(expired, l.r)
			d.failed[l.topic] = true
		}
	}
	d.tidy()
	d.arm()
	return expired
}

// The methods below are called with mu held.

// tidy removes the records that have an outcome.
func (d *deadlines) tidy() {
	d.listed = slices.DeleteFunc(d.listed, listing.completed)
}

// arm sets the timer for the first record, unless it is set.
func (d *deadlines) arm() {
	if d.armed || d.closed || len(d.listed) == 0 {
		return
	}
	d.armed = true
	wait := d.listed[0].accepted + d.timeout + timeoutGrace - time.Since(d.start)
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, d.fail)
		return
	}
	d.timer.Reset(wait)
}
