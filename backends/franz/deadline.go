package franz

import (
	"sync"
	"time"

	"github.com/signalcast/signalcast/internal/kafkabus"
)

// deadlines fails records that franz-go has not failed by their delivery timeout. franz-go waits for
// the response to a request in flight first, which can take several times the timeout.
type deadlines struct {
	timeout time.Duration
	expire  func(r kafkabus.Record, held bool)

	mu          sync.Mutex
	first, last *record // without an outcome, in the order in which they were accepted
	timer       *time.Timer
	closed      bool
	count       int64
	failed      map[string]bool // topics with failed records since the last call of slow

	expiring sync.Mutex // held while expire is called
}

// timeoutGrace is how long franz-go may take longer than the delivery timeout. Its own error has the
// cause and may have a better fate.
const timeoutGrace = 800 * time.Millisecond

// add adds a record.
func (d *deadlines) add(r *record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	r.listed, r.held, r.number, r.previous, r.next = true, false, d.count, d.last, nil
	if d.last != nil {
		d.last.next = r
	} else {
		d.first = r
		d.arm()
	}
	d.last = r
}

// remove removes a record. It returns false if the record has failed here.
func (d *deadlines) remove(r *record) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !r.listed {
		return false
	}
	d.unlink(r)
	return true
}

// hold notes that no client has a record, and unhold that a client gets it. unhold returns false
// if the record has failed here.
func (d *deadlines) hold(r *record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.held = true
}

func (d *deadlines) unhold(r *record) (listed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.held = false
	return r.listed
}

// unheld returns how many records of a topic a client has.
func (d *deadlines) unheld(topic string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for r := d.first; r != nil; r = r.next {
		if r.client.Topic == topic && !r.held {
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
	now := time.Now()
	for r := d.first; r != nil && now.Sub(r.message.Accepted) >= age; r = r.next {
		if _, older := slow[r.client.Topic]; !older && !r.held {
			slow[r.client.Topic] = now.Sub(r.message.Accepted)
		}
	}
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
	for {
		d.mu.Lock()
		r := d.first
		if r == nil || d.closed || time.Until(d.deadline(r)) > 0 {
			d.arm()
			d.mu.Unlock()
			return
		}
		d.unlink(r)
		message, held := r.message, r.held
		d.failed[r.client.Topic] = true
		d.mu.Unlock()
		d.expire(message, held)
	}
}

// The methods below are called with mu held.

func (d *deadlines) deadline(r *record) time.Time {
	return r.message.Accepted.Add(d.timeout + timeoutGrace)
}

// arm sets the timer for the first record.
func (d *deadlines) arm() {
	if d.first == nil || d.closed {
		return
	}
	wait := time.Until(d.deadline(d.first))
	if d.timer == nil {
		d.timer = time.AfterFunc(wait, d.fail)
		return
	}
	d.timer.Reset(wait)
}

func (d *deadlines) unlink(r *record) {
	if r.previous != nil {
		r.previous.next = r.next
	} else {
		d.first = r.next
	}
	if r.next != nil {
		r.next.previous = r.previous
	} else {
		d.last = r.previous
	}
	r.listed, r.previous, r.next = false, nil, nil
}
