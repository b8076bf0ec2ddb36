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
	room     backendkit.Room
	accepted time.Time

	// producer and number identify the message for servers that recognise duplicates.
	producer *string
	number   int64
	// lost is true if an attempt ended without a reply. unguarded is true if the server of
	// such an attempt does not recognise duplicates.
	lost, unguarded bool
}

// overhead is the memory of a waiting message besides its value and key, in bytes.
const overhead = 1024

// fate returns the fate of a message whose last attempt did not write it.
func (p *pending) fate() signalcast.Fate {
	if p.lost {
		return signalcast.FateUnknown
	}
	return signalcast.FateNotWritten
}
