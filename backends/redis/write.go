package redis

import (
	"errors"
	"strconv"

	"github.com/signalcast/signalcast/internal/resp"
)

// The methods in this file write batches of messages of one stream. A batch of several
// messages is a transaction: if the server rejects one of them, for lack of memory for
// example, later ones do not overtake it. For the same reason, a batch is executed only after all
// earlier ones are acknowledged. It may be prepared before.

// outcome is the reply to one XADD: the ID of the new entry, or an error. After an error
// reply, nothing was written. After any other error, the outcome is unknown.
type outcome struct {
	id  string
	err error
}

var errUnexpectedReply = errors.New("unexpected reply")

const (
	asking = "*1\r\n$6\r\nASKING\r\n"
	multi  = "*1\r\n$5\r\nMULTI\r\n"
	exec   = "*1\r\n$4\r\nEXEC\r\n"
)

// send writes a batch that the server executes at once. receive returns its errors.
func (s *session) send(batch []pending, maxLen int64) {
	if s.asking {
		_, _ = s.wire.Out.WriteString(asking) // for the next command or transaction
	}
	s.transaction = len(batch) > 1
	if s.transaction {
		s.begin(batch, maxLen)
		s.commit()
		return
	}
	s.add(batch, 0, maxLen)
	s.flush()
}

// flush sends what was written, with the wait for its durability behind it.
func (s *session) flush() {
	if d := s.node.durability; d.needed() {
		_, _ = s.wire.Out.Write(d.appendWait(s.wire.Out.AvailableBuffer(), s.node.timeout))
	}
	s.unsent = s.wire.Out.Flush()
}

// prepare writes a batch that the server executes on commit, and not at all if the connection
// ends before.
func (s *session) prepare(batch []pending, maxLen int64) error {
	s.begin(batch, maxLen)
	return s.wire.Out.Flush() //nolint:wrapcheck // wrapped where it is reported
}

func (s *session) begin(batch []pending, maxLen int64) {
	_, _ = s.wire.Out.WriteString(multi) // Flush returns the error of every write before it
	for i := range batch {
		s.add(batch, i, maxLen)
	}
}

// commit makes the server execute the prepared batch. receive returns its errors.
func (s *session) commit() {
	s.transaction = true
	_, _ = s.wire.Out.WriteString(exec)
	s.flush()
}

// recognises reports whether the server recognises message i of a batch if it is repeated. A
// recognised XADD writes nothing, so that WAIT behind it has nothing to wait for. Therefore, the
// last message of a repeated batch is written without its number if replicas must confirm it.
func (s *session) recognises(batch []pending, i int) bool {
	return s.idempotent && (i < len(batch)-1 || !batch[i].lost || !s.node.durability.needed())
}

// add writes the XADD of message i, with the arguments of the reference in its order.
func (s *session) add(batch []pending, i int, maxLen int64) {
	const mostEntries = 1024 // most entries have fewer bytes without the event data
	out := s.wire.Out
	if out.Available() < mostEntries {
		_ = out.Flush()
	}
	p, idempotent := &batch[i], s.recognises(batch, i)
	arguments := 3 + 2*entryFields(p.message)
	if idempotent {
		arguments += 3
	}
	if maxLen > 0 {
		arguments += 3
	}
	b := append(out.AvailableBuffer(), '*')
	b = strconv.AppendInt(b, int64(arguments), 10)
	b = append(b, "\r\n$4\r\nXADD\r\n"...)
	b = resp.AppendBulk(b, p.message.Topic)
	if idempotent {
		b = append(b, "$4\r\nIDMP\r\n"...)
		b = resp.AppendBulk(b, *p.producer)
		b = resp.AppendInt(b, p.number)
	}
	if maxLen > 0 {
		b = append(b, "$6\r\nMAXLEN\r\n$1\r\n~\r\n"...)
		b = resp.AppendInt(b, maxLen)
	}
	b = append(b, "$1\r\n*\r\n"...)
	b = appendEntry(b, p.message.Event)
	_, _ = out.Write(b)
	_, _ = out.Write(p.message.Event.Value) // may be too large to copy
	_, _ = out.WriteString("\r\n")
	if p.message.Trace != nil {
		_, _ = out.Write(appendTrace(nil, p.message.Trace))
	}
}

// receive returns the outcomes of the batch that was sent or committed, in its order. They are
// valid until the next call.
func (s *session) receive(count int) []outcome {
	if count > len(s.outcomes) {
		s.outcomes = make([]outcome, count)
	}
	outcomes := s.outcomes[:count]
	err := s.unsent
	if err == nil && s.asking {
		err = s.wire.Status()
	}
	switch {
	case err != nil:
	case s.transaction:
		err = s.receiveTransaction(outcomes)
	default:
		err = s.receiveIDs(outcomes)
	}
	if err != nil {
		for i := range outcomes {
			outcomes[i] = outcome{err: err}
		}
	}
	return outcomes
}

func (s *session) receiveTransaction(outcomes []outcome) error {
	err := s.wire.Status()
	s.transacts = err == nil
	if isReply(err) {
		// The user may send XADD but not MULTI: each message was written on its own.
		if err = s.receiveIDs(outcomes); err == nil {
			if err = s.wire.Status(); isReply(err) { // to EXEC
				err = nil
			}
		}
		return err
	}
	if err != nil {
		return err
	}
	for i := range outcomes {
		err := s.wire.Status()
		if err != nil && !isReply(err) {
			return err
		}
		outcomes[i] = outcome{err: err} // the cause of a rejected transaction
	}
	kind, length, err := s.wire.Line()
	switch {
	case isReply(err):
		for i := range outcomes {
			if outcomes[i].err == nil {
				outcomes[i].err = err
			}
		}
		return nil
	case err != nil:
		return err
	case kind != '*' || string(length) != strconv.Itoa(len(outcomes)):
		return errUnexpectedReply
	}
	return s.receiveIDs(outcomes)
}

// idsTogether is the number of IDs that share the memory of one string.
const idsTogether = 32

// receiveIDs reads one reply to XADD for each outcome.
func (s *session) receiveIDs(outcomes []outcome) error {
	for len(outcomes) > 0 {
		group := outcomes[:min(len(outcomes), idsTogether)]
		outcomes = outcomes[len(group):]
		var space [idsTogether * resp.MaxID]byte
		var ends [idsTogether]int
		text := space[:0]
		for i := range group {
			var err error
			if text, err = s.wire.AppendID(text); err != nil && !isReply(err) {
				return err
			}
			group[i].err, ends[i] = err, len(text)
		}
		ids, start := string(text), 0
		for i := range group {
			group[i].id, start = ids[start:ends[i]], ends[i]
		}
	}
	return nil
}
