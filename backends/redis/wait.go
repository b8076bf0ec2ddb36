package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/backends/redis/internal/resp"
)

// durability says where a message must be before it counts as delivered, besides the memory of
// the master.
type durability struct {
	replicas int  // how many replicas have it
	synced   bool // the master and these replicas have it on disk
}

// needed reports whether the reply to XADD is not enough.
func (d durability) needed() bool { return d.replicas > 0 || d.synced }

// waitTime bounds one wait of the server for its replicas. Servers write to disk every second by
// default.
const waitTime = 2 * time.Second

// appendWait appends the command that waits until all writes of the connection are as durable as
// d wants. The server replies well within timeout.
func (d durability) appendWait(b []byte, timeout time.Duration) []byte {
	if d.synced {
		b = append(b, "*4\r\n$7\r\nWAITAOF\r\n$1\r\n1\r\n"...)
	} else {
		b = append(b, "*3\r\n$4\r\nWAIT\r\n"...)
	}
	return resp.AppendInt(resp.AppendInt(b, int64(d.replicas)), max(1, min(waitTime, timeout/2).Milliseconds()))
}

// errNoWaitAOF means that Config.Synced needs a newer server.
var errNoWaitAOF = errors.New("found a server without WAITAOF; want Redis 7.2 or newer, or Config.Synced false")

// replicasError means that the entries are in the memory of the master, and not where Config wants
// them.
type replicasError struct {
	want                   durability
	foundLocal, foundOther int64
}

func (e *replicasError) Error() string {
	text := fmt.Sprintf("found the entry on %d replicas; want %d", e.foundOther, e.want.replicas)
	if e.want.synced {
		text = fmt.Sprintf("found the entry on the disk of %d masters and %d replicas; want 1 and %d", e.foundLocal, e.foundOther, e.want.replicas)
	}
	return text
}

// unconfirmedError is the outcome of a message that the master has written and not confirmed.
type unconfirmedError struct{ error }

func (e *unconfirmedError) Unwrap() error { return e.error }

// receiveWait reads the reply to the command of appendWait.
func (s *session) receiveWait() error {
	d := s.node.durability
	found := [2]int64{}
	counts := found[1:]
	if d.synced {
		kind, length, err := s.wire.Line()
		if err != nil {
			return err
		}
		if kind != '*' || string(length) != "2" {
			return errUnexpectedReply
		}
		counts = found[:]
	}
	for i := range counts {
		kind, text, err := s.wire.Line()
		if err != nil {
			return err
		}
		if counts[i], err = strconv.ParseInt(string(text), 10, 64); err != nil || kind != ':' {
			return errUnexpectedReply
		}
	}
	if found[1] < int64(d.replicas) || d.synced && found[0] < 1 {
		return &replicasError{d, found[0], found[1]}
	}
	return nil
}

// confirm waits until the entries of the last batch are as durable as the configuration wants, or
// until the deadline. The first WAIT was sent with the batch.
func (s *session) confirm(ctx context.Context, deadline time.Time, attempts *backendkit.Attempts) error {
	for {
		err := s.receiveWait()
		var lacking *replicasError
		if !errors.As(err, &lacking) {
			return err
		}
		s.progress()
		attempts.Failed(err)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", signalcast.ErrClosed, err)
		case !time.Now().Before(deadline):
			return fmt.Errorf("%w: %w", signalcast.ErrDeliveryTimeout, err)
		}
		_, _ = s.wire.Out.Write(s.node.durability.appendWait(s.wire.Out.AvailableBuffer(), s.node.timeout))
		if err := s.wire.Out.Flush(); err != nil {
			return err //nolint:wrapcheck // wrapped where it is reported
		}
	}
}
