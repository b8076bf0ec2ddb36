package redis

import (
	"time"

	"github.com/signalcast/signalcast"
)

// pending is a message between Publish and its outcome.
type pending struct {
	message    *signalcast.Message
	done       func(signalcast.Receipt, error)
	generation *generation
	size       int64
	accepted   time.Time
	entry      Entry

	// producer and number name the message to servers that recognise repetitions.
	producer *string
	number   int64
	// lost says that an attempt to write it ended without an answer; unguarded
	// that the server of one of these attempts could not recognise a repetition.
	lost, unguarded bool

	args [26]any
}

// overhead is what a waiting message occupies beside its value and key, in bytes.
const overhead = 1024

func newPending(m *signalcast.Message, done func(signalcast.Receipt, error)) *pending {
	return &pending{
		message: m, done: done, accepted: time.Now(), entry: NewEntry(m),
		size: overhead + int64(len(m.Event.Value)) + int64(len(m.Key)),
	}
}

// command returns the XADD that stores the message, with the arguments of the
// reference in its order; the values are pointers. They stay valid until the next call.
func (p *pending) command(maxLen *int64, idempotent bool) []any {
	args := append(p.args[:0], "XADD", &p.message.Topic)
	if idempotent {
		args = append(args, "IDMP", p.producer, &p.number)
	}
	if *maxLen > 0 {
		args = append(args, "MAXLEN", "~", maxLen)
	}
	return p.entry.appendTo(append(args, "*"))
}

// fate says whether the message may have been written, given that its last
// attempt was not.
func (p *pending) fate() signalcast.Fate {
	if p.lost {
		return signalcast.Unknown
	}
	return signalcast.NotWritten
}
