package cli

import (
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/internal/resp"
)

// partition names a partition or stream.
type partition struct {
	topic  string
	number int32
}

// ends are the newest messages of the topics at the time when a command began. The command reads up to them, and not the messages
// that arrive meanwhile: a dead letter that is published again may fail again at once, and would keep the command running.
type ends struct {
	newest map[partition]consume.Position // nil while the broker has not replied; without empty partitions
	unread map[partition]bool             // partitions whose newest message is not handled
	read   map[partition]consume.Position // the last messages handled
}

// known reports whether the broker has replied.
func (e *ends) known() bool { return e.newest != nil }

// reached reports whether every message up to the ends is handled.
func (e *ends) reached() bool { return e.known() && len(e.unread) == 0 }

// update sets the ends from the first reply of the broker. A later reply only tells that the group has handled the messages of a
// partition, perhaps by another process, or that the broker has removed them.
func (e *ends) update(list []consume.Lag) {
	if !e.known() && len(list) > 0 {
		e.set(list)
	}
	for _, l := range list {
		if l.Newest == nil || l.Behind == 0 {
			delete(e.unread, partition{l.Topic, l.Partition})
		}
	}
}

func (e *ends) set(list []consume.Lag) {
	e.newest, e.unread = map[partition]consume.Position{}, map[partition]bool{}
	for _, l := range list {
		if l.Newest == nil {
			continue
		}
		at := partition{l.Topic, l.Partition}
		e.newest[at] = *l.Newest
		if read, ok := e.read[at]; !ok || isAfter(*l.Newest, read) {
			e.unread[at] = true
		}
	}
}

// passed reports whether m is behind the end of its partition. Every message up to the end has been read then, because messages come in
// order.
func (e *ends) passed(m *consume.Message) bool {
	if !e.known() {
		return false
	}
	at := partition{m.Topic, m.Partition}
	newest, ok := e.newest[at]
	if ok && !isAfter(positionOf(m), newest) {
		return false
	}
	delete(e.unread, at)
	return true
}

// handled notes that m is handled.
func (e *ends) handled(m *consume.Message) {
	at, position := partition{m.Topic, m.Partition}, positionOf(m)
	if e.read == nil {
		e.read = map[partition]consume.Position{}
	}
	e.read[at] = position
	if newest, ok := e.newest[at]; ok && !isAfter(newest, position) {
		delete(e.unread, at)
	}
}

// unreached returns the position of a newest message that is not handled.
func (e *ends) unreached() string {
	for at := range e.unread {
		newest := e.newest[at]
		m := consume.Message{Topic: at.topic, Partition: at.number, Offset: newest.Offset, ID: newest.ID}
		return m.Position()
	}
	return ""
}

func positionOf(m *consume.Message) consume.Position {
	return consume.Position{Offset: m.Offset, ID: m.ID}
}

// isAfter reports whether a is behind b in the same partition or stream.
func isAfter(a, b consume.Position) bool {
	if a.ID == "" {
		return a.Offset > b.Offset
	}
	return resp.CompareIDs(a.ID, b.ID) > 0
}
