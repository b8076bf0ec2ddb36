package memory

import (
	"errors"
	"math"
	"time"

	"github.com/signalcast/signalcast"
)

// Fault is a fault of the broker that the backend plays. With the zero Fault, a message is stored
// and acknowledged at once.
type Fault struct {
	// Topic limits the fault to one topic, prefix included. Empty means all topics.
	Topic string
	// Times is the number of messages that the fault affects. 0 means all, until
	// [Backend.Heal].
	Times int
	// Delay is how long the broker takes for the message. It handles one message after the
	// other, so a slow broker fills the buffer.
	Delay time.Duration
	// Err is the error of the broker. The message is not stored, and its fate is Fate. Nil
	// means that the message is stored and acknowledged.
	Err error
	// Fate is the fate of a message with Err: FateUnknown, the default, or FateNotWritten.
	Fate signalcast.Fate
	// Stored makes the broker store a message in spite of Err, as if the acknowledgement was
	// lost. Its fate is FateUnknown, and Fate is ignored.
	Stored bool
}

// Inject adds faults to the script. Each message gets the first remaining fault of its topic
// when the broker begins to handle it.
func (b *Backend) Inject(faults ...Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, faults...)
}

// Heal ends all faults, including delays that have begun, and calls [Backend.Release].
func (b *Backend) Heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
	b.endDelay()
	b.release()
}

// Hold makes the broker hang: accepted messages stay in the buffer, neither stored nor
// acknowledged, until [Backend.Release].
func (b *Backend) Hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held, b.heldAt = true, time.Now()
}

var errHeld = errors.New("memory: the broker hangs because of Hold")

// Troubles returns one trouble for all topics while [Backend.Hold] keeps a message from being
// delivered.
func (b *Backend) Troubles() []signalcast.Trouble {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held || len(b.queue) == 0 {
		return nil
	}
	return []signalcast.Trouble{{Since: b.heldAt, Err: errHeld}}
}

// Buffered returns the use of the buffer.
func (b *Backend) Buffered() signalcast.BufferUsage {
	u := b.buffer.Usage()
	if u.MaxMessages == math.MaxInt {
		u.MaxMessages = 0
	}
	if u.MaxBytes == math.MaxInt {
		u.MaxBytes = 0
	}
	return u
}

// Release ends [Backend.Hold].
func (b *Backend) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release()
}

func (b *Backend) release() {
	b.held = false
	b.serve()
}

// nextFault returns the fault of the next message for topic and counts it.
func (b *Backend) nextFault(topic string) Fault {
	for i, f := range b.faults {
		if f.Topic != "" && f.Topic != topic {
			continue
		}
		switch f.Times {
		case 0:
		case 1:
			b.faults = append(b.faults[:i:i], b.faults[i+1:]...)
		default:
			b.faults[i].Times--
		}
		return f
	}
	return Fault{}
}
