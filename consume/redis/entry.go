package redis

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/internal/resp"
)

// entry is the text of an entry as the server sent it, for Publish. It is empty if the entry was too large or deleted.
type entry struct{ text []byte }

// fields returns the names and values of the entry, alternately.
func (e *entry) fields() []string {
	found, err := resp.NewReader(bytes.NewReader(e.text), len(e.text)).Entry()
	if err != nil {
		return nil
	}
	list := make([]string, len(found.Fields))
	for i, s := range found.Fields {
		list[i] = string(found.Text[s.Start:s.End])
	}
	return list
}

var (
	errNoData   = errors.New("field event_data: missing; want event data")
	errTooLarge = fmt.Errorf("found an entry of more than %d MiB; want a smaller one", maxEntry>>20)
	errTooMany  = errors.New("found more entries than were asked for")
)

// batchLen is the number of messages that are added to the consumer together. They share some memory, and workers handle them while the
// next ones are received.
const batchLen = 64

// readStream reads a reply to XREAD or XREADGROUP for one stream, with at most limit entries, and calls add with their messages. It
// returns the number of entries.
func (l *link) readStream(stream string, limit int, add func([]consume.Message)) (int, error) {
	count, err := l.in.Streams()
	if err != nil {
		return 0, err
	}
	return count, l.readEntries(stream, count, limit, add)
}

// readEntries reads count entries, and calls add with their messages. It skips deleted entries, which have no ID.
func (l *link) readEntries(stream string, count, limit int, add func([]consume.Message)) error {
	if count > limit {
		return errTooMany
	}
	for count > 0 {
		n := min(count, batchLen)
		b := batch{messages: make([]consume.Message, 0, n), entries: make([]entry, 0, n), ends: l.ends[:0], ids: l.ids[:0]}
		for range n {
			found, err := l.in.Entry()
			if err != nil {
				return err
			}
			if found.Text != nil {
				b.add(stream, found)
			}
		}
		b.setIDs()
		l.ends, l.ids = b.ends, b.ids
		if len(b.messages) > 0 {
			add(b.messages)
		}
		count -= n
	}
	return nil
}

// batch builds the messages of some entries.
type batch struct {
	messages []consume.Message
	entries  []entry // of the messages
	ids      []byte  // the IDs of the messages, one after the other
	ends     []int   // where each ID ends
}

// add adds the message of an entry. Its value and attributes are parts of one copy of the entry, which the strings of the decoded event
// share.
func (b *batch) add(stream string, found resp.Entry) {
	id := found.Text[found.ID.Start:found.ID.End]
	b.ids = append(b.ids, id...)
	b.ends = append(b.ends, len(b.ids))
	b.messages = append(b.messages, consume.Message{Topic: stream, Time: idTime(id)})
	b.entries = append(b.entries, entry{})
	m, e := &b.messages[len(b.messages)-1], &b.entries[len(b.entries)-1]
	m.Raw = e
	if found.TooLarge {
		m.Err = errTooLarge
	} else {
		e.text = bytes.Clone(found.Text)
		setFields(m, e.text, found.Fields)
	}
	if m.Value == nil && m.Err == nil {
		m.Err = errNoData
	}
	if m.Value == nil {
		m.Value = []byte{}
	}
}

// setIDs sets the IDs of the messages, which are parts of one string.
func (b *batch) setIDs() {
	ids, start := string(b.ids), 0
	for i, end := range b.ends {
		b.messages[i].ID = ids[start:end]
		start = end
	}
}

// setFields sets the value, the attributes and the extra fields of a message from the fields of its entry.
func setFields(m *consume.Message, text []byte, fields []resp.Span) {
	for i := 0; i+1 < len(fields); i += 2 {
		name, value := text[fields[i].Start:fields[i].End], text[fields[i+1].Start:fields[i+1].End:fields[i+1].End]
		to := target(m, name)
		switch {
		case to == nil:
			m.Extra = append(m.Extra, consume.Field{Name: string(name), Value: string(value)})
		case *to != nil:
			m.Err = fmt.Errorf("field %s: found two; want one", name)
			return
		default:
			*to = value
		}
	}
}

// target returns the part of a message that the field sets, or nil if the field is an extra one.
func target(m *consume.Message, name []byte) *[]byte {
	a := &m.Attributes
	switch string(name) {
	case "type":
		return &a.Type
	case "id":
		return &a.ID
	case "source":
		return &a.Source
	case "time":
		return &a.Time
	case "minorversion":
		return &a.MinorVersion
	case "sourcehost":
		return &a.SourceHost
	case "sourcelib":
		return &a.SourceLib
	case "event_data":
		return &m.Value
	case "traceparent":
		return &a.TraceParent
	case "tracestate":
		return &a.TraceState
	default:
		return nil
	}
}

// idTime returns the time in the ID of an entry, or the zero time.
func idTime[T string | []byte](id T) time.Time {
	const largest = 1 << 53
	ms := int64(0)
	for i := range len(id) {
		c := id[i]
		if c == '-' {
			break
		}
		if c < '0' || c > '9' || ms >= largest {
			return time.Time{}
		}
		ms = 10*ms + int64(c-'0')
	}
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
