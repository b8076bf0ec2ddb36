package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/resp"
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

// confirm waits until the written entries among outcomes are as durable as the configuration
// wants. The first WAIT was sent with the batch. Messages that time out meanwhile fail. confirm
// returns the outcomes of the others, and an error if the connection cannot be used again.
func (b *Backend) confirm(ctx context.Context, s *stream, session *session, outcomes []outcome, attempts *backendkit.Attempts) ([]outcome, error) {
	isWritten := func(o outcome) bool { return o.err == nil }
	for _, o := range outcomes {
		if o.err != nil && !isReply(o.err) {
			return outcomes, o.err
		}
	}
	for first := true; first || slices.ContainsFunc(outcomes, isWritten); first = false {
		if !first {
			if err := session.wait(); err != nil {
				return unconfirmed(outcomes, err), err
			}
		}
		err := session.receiveWait()
		session.progress()
		switch {
		case err == nil:
			return outcomes, nil
		case !slices.ContainsFunc(outcomes, isWritten) && isUsable(err):
			return outcomes, nil
		case !errors.As(err, new(*replicasError)) || ctx.Err() != nil:
			return unconfirmed(outcomes, err), err
		}
		attempts.Failed(err)
		outcomes = b.expireWritten(s, outcomes, err)
	}
	return outcomes, nil
}

// isUsable reports whether a connection can be used after the error of receiveWait.
func isUsable(err error) bool { return isReply(err) || errors.As(err, new(*replicasError)) }

// wait sends the command that waits for the durability of the last batch once more.
func (s *session) wait() error {
	_, _ = s.wire.Out.Write(s.node.durability.appendWait(s.wire.Out.AvailableBuffer(), s.node.timeout))
	return s.wire.Out.Flush() //nolint:wrapcheck // wrapped where it is reported
}

// unconfirmed replaces the outcomes of written entries.
func unconfirmed(outcomes []outcome, cause error) []outcome {
	for i := range outcomes {
		if outcomes[i].err == nil {
			outcomes[i].err = &unconfirmedError{cause}
		}
	}
	return outcomes
}

// expireWritten fails the messages that are written, not confirmed and have timed out. It
// returns the outcomes of the others.
func (b *Backend) expireWritten(s *stream, outcomes []outcome, cause error) []outcome {
	batch, kept, now := s.waiting()[:len(outcomes)], outcomes[:0], time.Now()
	b.complete(s, len(outcomes), func(i int) verdict {
		if outcomes[i].err == nil && now.Sub(batch[i].accepted) >= b.deliveryTimeout {
			batch[i].lost = true
			return failed(fmt.Errorf("%w: %w", signalcast.ErrDeliveryTimeout, cause))
		}
		kept = append(kept, outcomes[i])
		return undecided
	})
	return kept
}

// tryWait returns an error if the server rejects the command of appendWait, whatever its replicas
// have.
func (s *session) tryWait(ctx context.Context) error {
	command := []any{"WAIT", 0, 1}
	if s.node.durability.synced {
		command = []any{"WAITAOF", 1, 0, 1} // at most 1 ms
	}
	err := guarded(func() error {
		return s.conn.Do(ctx, command...).Err()
	})
	if err != nil {
		return fmt.Errorf("%v: %w", command[0], err)
	}
	return nil
}
