package memory

import (
	"time"

	"github.com/signalcast/signalcast"
)

// Fault is something that goes wrong at the destination. The zero Fault is none:
// the message is stored and acknowledged at once.
type Fault struct {
	// Topic limits the fault to one topic, named with its prefix. Empty means all.
	Topic string
	// Times is how many messages the fault meets before it is over.
	// 0 means all, until [Backend.Heal].
	Times int
	// Delay is how long the destination takes for the message. Messages are
	// served one after the other, so that a slow destination fills the buffer.
	Delay time.Duration
	// Err is what the destination answers. The message is not stored then,
	// and its fate is Fate. Nil means that it is stored and acknowledged.
	Err error
	// Fate is what is reported about a message with Err: Unknown, the default, or NotWritten.
	Fate signalcast.Fate
	// Stored makes the destination store a message with Err all the same, as
	// when only the acknowledgement was lost. Its fate is Unknown, whatever Fate says.
	Stored bool
}

// Inject adds faults to the script. Each message meets the first fault left in
// the script that has its topic, when its turn at the destination comes.
func (b *Backend) Inject(faults ...Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, faults...)
}

// Heal ends all faults, delays that have begun included, and releases what
// [Backend.Hold] holds.
func (b *Backend) Heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = nil
	b.endDelay()
	b.release()
}

// Hold makes the destination stop answering: messages taken stay in the
// buffer, neither stored nor acknowledged, until [Backend.Release].
func (b *Backend) Hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = true
}

// Release lets the destination answer again.
func (b *Backend) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release()
}

func (b *Backend) release() {
	b.held = false
	b.serve()
}

// nextFault takes the fault that a message for topic meets out of the script.
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
