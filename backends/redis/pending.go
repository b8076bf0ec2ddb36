package redis

import (
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/buffer"
)

// pending is a message between Publish and its outcome.
type pending struct {
	message  *signalcast.Message
	done     func(signalcast.Receipt, error)
	place    buffer.Place
	size     int64
	accepted time.Time
	entry    Entry

	// producer and number name the message to servers that recognise repetitions.
	producer *string
	number   int64
	// lost says that an attempt to write it ended without an answer; unguarded
	// that the server of one of these attempts could not recognise a repetition.
	lost, unguarded bool
}

// overhead is what a waiting message occupies beside its value and key, in bytes.
const overhead = 1024

func newPending(m *signalcast.Message, done func(signalcast.Receipt, error)) *pending {
	return &pending{
		message: m, done: done, accepted: time.Now(), entry: NewEntry(m),
		size: overhead + int64(len(m.Event.Value)) + int64(len(m.Key)),
	}
}

// appendCommand appends the XADD that stores the message, with the arguments of
// the reference in its order. The values are pointers into p, which cost no allocation.
func (p *pending) appendCommand(args []any, maxLen *int64, idempotent bool) []any {
	args = append(args, "XADD", &p.message.Topic)
	if idempotent {
		args = append(args, "IDMP", p.producer, &p.number)
	}
	if *maxLen > 0 {
		args = append(args, "MAXLEN", "~", maxLen)
	}
	e := &p.entry
	return append(args, "*",
		"type", &e.Type,
		"id", &e.ID,
		"source", &e.Source,
		"time", &e.Time,
		"minorversion", &e.MinorVersion,
		"sourcehost", &e.SourceHost,
		"sourcelib", &e.SourceLib,
		"event_data", &e.EventData,
	)
}

// fate says whether the message may have been written, given that its last
// attempt was not.
func (p *pending) fate() signalcast.Fate {
	if p.lost {
		return signalcast.Unknown
	}
	return signalcast.NotWritten
}
