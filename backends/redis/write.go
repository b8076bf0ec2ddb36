package redis

import (
	"errors"
	"strconv"
)

// The methods in this file write batches of messages of one stream. Several
// messages are one transaction: when the server rejects one of them, out of
// memory say, none behind it overtakes it. For the same reason a batch is carried
// out only when all before it was; but it may be prepared by then.

// outcome is what the server answered to one XADD: the ID of the new entry, or
// an error, which says that nothing was written if it is a reply and leaves it open else.
type outcome struct {
	id  string
	err error
}

var errUnexpectedReply = errors.New("unexpected reply")

const (
	multi = "*1\r\n$5\r\nMULTI\r\n"
	exec  = "*1\r\n$4\r\nEXEC\r\n"
)

// send writes a batch that is to be carried out at once. Its failure is told by receive.
func (s *session) send(batch []pending, maxLen int64) {
	s.transaction = len(batch) > 1
	if s.transaction {
		s.begin(batch, maxLen)
		s.commit()
		return
	}
	s.add(&batch[0], maxLen)
	s.unsent = s.wire.out.Flush()
}

// prepare writes a batch that is carried out with commit, and not at all if the
// connection ends before.
func (s *session) prepare(batch []pending, maxLen int64) error {
	s.begin(batch, maxLen)
	return s.wire.out.Flush() //nolint:wrapcheck // wrapped where it is reported
}

func (s *session) begin(batch []pending, maxLen int64) {
	_, _ = s.wire.out.WriteString(multi) // Flush tells the errors of all that was written
	for i := range batch {
		s.add(&batch[i], maxLen)
	}
}

// commit has the prepared batch carried out. Its failure is told by receive.
func (s *session) commit() {
	s.transaction = true
	_, _ = s.wire.out.WriteString(exec)
	s.unsent = s.wire.out.Flush()
}

// add writes the XADD that stores p, with the arguments of the reference in its order.
func (s *session) add(p *pending, maxLen int64) {
	const mostEntries = 1024 // have fewer bytes without the event data
	out := s.wire.out
	if out.Available() < mostEntries {
		_ = out.Flush()
	}
	arguments := 3 + 2*entryFields
	if s.idempotent {
		arguments += 3
	}
	if maxLen > 0 {
		arguments += 3
	}
	b := append(out.AvailableBuffer(), '*')
	b = strconv.AppendInt(b, int64(arguments), 10)
	b = append(b, "\r\n$4\r\nXADD\r\n"...)
	b = appendBulk(b, p.message.Topic)
	if s.idempotent {
		b = append(b, "$4\r\nIDMP\r\n"...)
		b = appendBulk(b, *p.producer)
		b = appendBulkInt(b, p.number)
	}
	if maxLen > 0 {
		b = append(b, "$6\r\nMAXLEN\r\n$1\r\n~\r\n"...)
		b = appendBulkInt(b, maxLen)
	}
	b = append(b, "$1\r\n*\r\n"...)
	b = appendEntry(b, p.message.Event)
	_, _ = out.Write(b)
	_, _ = out.Write(p.message.Event.Value) // which may be too large to be copied
	_, _ = out.WriteString("\r\n")
}

// receive returns the outcomes of the batch of that size that was sent or
// committed, in the same order. They are valid until it is called again.
func (s *session) receive(count int) []outcome {
	if count > len(s.outcomes) {
		s.outcomes = make([]outcome, count)
	}
	outcomes := s.outcomes[:count]
	err := s.unsent
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
	err := s.wire.status()
	s.transacts = err == nil
	if isReply(err) {
		// The user may XADD and not MULTI: each message was written on its own.
		if err = s.receiveIDs(outcomes); err == nil {
			if err = s.wire.status(); isReply(err) { // to EXEC
				err = nil
			}
		}
		return err
	}
	if err != nil {
		return err
	}
	for i := range outcomes {
		err := s.wire.status()
		if err != nil && !isReply(err) {
			return err
		}
		outcomes[i] = outcome{err: err} // why the transaction is rejected
	}
	kind, length, err := s.wire.line()
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

// idsTogether is how many IDs share the memory of one string.
const idsTogether = 32

// receiveIDs reads the answers to that many XADDs.
func (s *session) receiveIDs(outcomes []outcome) error {
	for len(outcomes) > 0 {
		group := outcomes[:min(len(outcomes), idsTogether)]
		outcomes = outcomes[len(group):]
		var space [idsTogether * longestID]byte
		var ends [idsTogether]int
		text := space[:0]
		for i := range group {
			var err error
			if text, err = s.wire.appendID(text); err != nil && !isReply(err) {
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
