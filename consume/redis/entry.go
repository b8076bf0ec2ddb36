package redis

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/signalcast/signalcast/consume"
)

// entry is an entry of a stream: the names and values of its fields in turn. fields is nil if the entry was deleted.
type entry struct {
	id         string
	fields     []string
	deliveries int64 // before this one
}

var errReply = errors.New("malformed reply")

// readStreams returns the entries of a reply of XREADGROUP or XREAD for one stream: an array, or a map in version 3 of the
// protocol. A nil reply has no entries.
func readStreams(reply any) ([]entry, error) {
	switch reply := reply.(type) {
	case nil:
		return nil, nil
	case map[any]any:
		for _, entries := range reply {
			return readEntries(entries)
		}
		return nil, nil
	case []any:
		if len(reply) == 1 {
			if pair, ok := reply[0].([]any); ok && len(pair) == 2 {
				return readEntries(pair[1])
			}
		}
	}
	return nil, errReply
}

// readEntries returns the entries of an array.
func readEntries(reply any) ([]entry, error) {
	list, ok := reply.([]any)
	if !ok {
		return nil, errReply
	}
	entries := make([]entry, 0, len(list))
	for _, item := range list {
		if item == nil { // a deleted entry, in Redis 6.2
			continue
		}
		pair, ok := item.([]any)
		if !ok || len(pair) != 2 {
			return nil, errReply
		}
		id, ok := pair[0].(string)
		if !ok {
			return nil, errReply
		}
		e := entry{id: id}
		if fields, ok := pair[1].([]any); ok {
			e.fields = make([]string, len(fields))
			for i, text := range fields {
				if e.fields[i], ok = text.(string); !ok {
					return nil, errReply
				}
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// message returns an entry as a message.
func (e *entry) message(stream string) consume.Message {
	m := consume.Message{Topic: stream, ID: e.id, Time: idTime(e.id), Raw: e.fields}
	if e.deliveries > 0 {
		m.Deliveries = e.deliveries + 1
	}
	a := &m.Attributes
	for i := 0; i+1 < len(e.fields); i += 2 {
		var to *[]byte
		switch name := e.fields[i]; name {
		case "type":
			to = &a.Type
		case "id":
			to = &a.ID
		case "source":
			to = &a.Source
		case "time":
			to = &a.Time
		case "minorversion":
			to = &a.MinorVersion
		case "sourcehost":
			to = &a.SourceHost
		case "sourcelib":
			to = &a.SourceLib
		case "event_data":
			to = &m.Value
		case "traceparent":
			to = &a.TraceParent
		case "tracestate":
			to = &a.TraceState
		default:
			m.Extra = append(m.Extra, consume.Field{Name: name, Value: e.fields[i+1]})
			continue
		}
		if *to != nil {
			m.Err = fmt.Errorf("field %s: found two; want one", e.fields[i])
			break
		}
		*to = []byte(e.fields[i+1])
	}
	if m.Value == nil && m.Err == nil {
		m.Err = errNoData
	}
	if m.Value == nil {
		m.Value = []byte{}
	}
	return m
}

var errNoData = errors.New("event_data: found nothing; want event data")

// idTime returns the time in the ID of an entry, or the zero time.
func idTime(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
