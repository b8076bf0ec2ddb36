package redis

import (
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

// pending is a message between Publish and its outcome.
type pending struct {
	message  *signalcast.Message
	done     func(signalcast.Receipt, error)
	place    backendkit.Room
	accepted time.Time

	// producer and number name the message to servers that recognise repetitions.
	producer *string
	number   int64
	// lost says that an attempt to write it ended without an answer; unguarded
	// that the server of one of these attempts could not recognise a repetition.
	lost, unguarded bool
}

// overhead is what a waiting message occupies beside its value and key, in bytes.
const overhead = 1024

// fate says whether the message may have been written, given that its last
// attempt was not.
func (p *pending) fate() signalcast.Fate {
	if p.lost {
		return signalcast.FateUnknown
	}
	return signalcast.FateNotWritten
}
