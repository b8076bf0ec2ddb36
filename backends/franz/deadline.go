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
	expire  func(kafkabus.Record)

	mu          sync.Mutex
	first, last *record // without an outcome, in the order in which they were accepted
	timer       *time.Timer
	closed      bool

	expiring sync.Mutex // held while expire is called
}

// timeoutGrace is how long franz-go may take longer than the delivery timeout. Its own error has the
// cause and may have a better fate.
const timeoutGrace = 800 * time.Millisecond

// add adds a record.
func (d *deadlines) add(r *record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r.listed, r.previous, r.next = true, d.last, nil
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
		message := r.message
		d.mu.Unlock()
		d.expire(message)
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
