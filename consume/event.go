package consume

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // UUIDs of version 5 need it
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/shape"
)

// origin is the part of the metadata that the events of one producer share. The event type is never empty.
type origin struct {
	signalcast.Metadata

	minorVersion string // as it is on the wire
}

// eventReader prepares the messages of one feed for the workers.
type eventReader struct {
	consumer *Consumer
	decoder  *signalcast.Decoder
	paths    map[string]string // key paths by event type, for messages without a key
	texts    map[string]string // attributes that recur
	key      []byte            // memory

	origins [16]*origin // of recent messages
	latest  int         // in origins
}

// maxTexts bounds the memory of attributes that recur.
const maxTexts = 1000

func newEventReader(c *Consumer, topic string) eventReader {
	r := eventReader{consumer: c, decoder: c.registry.NewDecoder(), texts: map[string]string{}}
	for eventType, topics := range c.config.Keys {
		for name, t := range topics {
			if t.EventKeyField != nil && c.fullTopic(name) == topic {
				if r.paths == nil {
					r.paths = map[string]string{}
				}
				r.paths[eventType] = *t.EventKeyField
			}
		}
	}
	return r
}

// prepare finds out whether the message of an item is to be skipped, or has a fault that needs no decoding. It returns the hash of the key.
// It decodes the event only if the key is in its data. Otherwise a worker does.
func (r *eventReader) prepare(it *item) (hash uint64) {
	m := it.message()
	if m.Key != nil {
		hash = hashKey(m.Key)
	}
	if m.Value == nil && m.Err == nil && len(m.Attributes.Type) == 0 {
		it.skipped = true // a tombstone has no headers
		return hash
	}
	if it.err = r.check(m); it.err != nil {
		return hash
	}
	it.origin = r.origin(&m.Attributes)
	eventType := it.origin.EventType
	receivers, registered := r.consumer.registry.Receivers(eventType)
	unheard := receivers == 0 && !r.consumer.config.HandleAll
	switch {
	case m.Value == nil:
		it.skipped = true
	case !registered && r.consumer.config.FailUnknown:
		it.err = errUnknownType
	case unheard && r.consumer.config.FailUnknown:
		it.err = errNoReceivers
	case !registered || unheard:
		it.skipped = true
	case len(m.Value) > r.consumer.config.MaxBytes:
		it.err = fmt.Errorf("found event data of %d bytes; want at most %d", len(m.Value), r.consumer.config.MaxBytes)
	}
	if it.skipped || it.err != nil || m.Key != nil {
		return hash
	}
	if path := r.paths[eventType]; path != "" {
		if it.event, it.err = m.event(r.decoder, it.origin); it.err != nil {
			return hash
		}
		var err error
		if r.key, err = it.event.AppendKey(r.key[:0], path); err == nil {
			hash = hashKey(r.key)
		}
	}
	return hash
}

// origin returns the metadata that depends on these attributes alone. Messages of few producers share it.
func (r *eventReader) origin(a *Attributes) *origin {
	for i := range r.origins {
		at := (r.latest + i) % len(r.origins)
		if o := r.origins[at]; o != nil && o.is(a) {
			r.latest = at
			return o
		}
	}
	o := &origin{minorVersion: r.text(a.MinorVersion)}
	o.EventType, o.Source, o.SourceHost = r.text(a.Type), r.text(a.Source), r.text(a.SourceHost)
	if version := r.text(a.SourceLib); isVersion(version) {
		o.SourceLib = version
	}
	if n, err := strconv.ParseInt(o.minorVersion, 10, 64); err == nil && n >= 0 {
		o.MinorVersion = n
	}
	r.latest = (r.latest + 1) % len(r.origins)
	r.origins[r.latest] = o
	return o
}

// is reports whether the attributes are those of the origin. An attribute that the origin leaves out is never equal.
func (o *origin) is(a *Attributes) bool {
	return string(a.Type) == o.EventType && string(a.Source) == o.Source && string(a.SourceHost) == o.SourceHost &&
		string(a.SourceLib) == o.SourceLib && string(a.MinorVersion) == o.minorVersion
}

// hashKey returns a hash of a key. The lanes of keys are the same in each process.
func hashKey(key []byte) uint64 {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	mix := func(hash, word uint64) uint64 {
		high, low := bits.Mul64(hash^word, odd)
		return high ^ low
	}
	hash := odd ^ uint64(len(key))
	for ; len(key) >= 8; key = key[8:] {
		hash = mix(hash, binary.LittleEndian.Uint64(key))
	}
	var rest uint64
	for _, b := range key {
		rest = rest<<8 | uint64(b)
	}
	return mix(mix(hash, rest), odd)
}

var (
	errNoType      = errors.New("type: found nothing; want the name of an event type")
	errTypeText    = errors.New("type: found invalid UTF-8; want the name of an event type")
	errUnknownType = errors.New("type: found an event type that is not registered; want a registered one")
	errNoReceivers = errors.New("type: found an event type without receivers; want a connected receiver")
	errID          = errors.New("id: found text of another form; want a UUID")
	errNaive       = errors.New("time: found a time without an offset; want an offset, such as +00:00")
)

// check reports why a message cannot be an event.
func (r *eventReader) check(m *Message) error {
	limit := r.consumer.config.MaxDeliveries
	switch {
	case limit > 0 && m.Deliveries > int64(limit):
		return fmt.Errorf("found %d deliveries without an acknowledgement; want at most %d", m.Deliveries, limit)
	case m.Err != nil:
		return m.Err
	case len(m.Attributes.Type) == 0:
		return errNoType
	case !utf8.Valid(m.Attributes.Type):
		return errTypeText
	}
	return nil
}

// event returns the event of a message.
func (m *Message) event(d *signalcast.Decoder, o *origin) (*signalcast.Received, error) {
	meta, err := m.metadata(o)
	if err != nil {
		return nil, err
	}
	return d.Decode(meta, m.Schema, m.Value) //nolint:wrapcheck // it names the event type
}

// metadata returns the metadata of a message. Attributes that are missing or not readable are set from the
// message, or to zero.
func (m *Message) metadata(o *origin) (signalcast.Metadata, error) {
	meta := o.Metadata
	var err error
	if meta.ID, err = parseID(m.Attributes.ID); err != nil {
		return meta, err
	}
	if meta.ID == (signalcast.UUID{}) {
		meta.ID = derivedID(m.Position())
	}
	if meta.Time, err = parseTime(m.Attributes.Time); err != nil {
		return meta, err
	}
	if meta.Time.IsZero() {
		meta.Time = m.Time.UTC().Truncate(time.Microsecond)
	}
	return meta, nil
}

// text returns b as a string, or an empty one if b is not UTF-8. Equal texts share their memory.
func (r *eventReader) text(b []byte) string {
	if text, ok := r.texts[string(b)]; ok {
		return text
	}
	if !utf8.Valid(b) {
		return ""
	}
	text := string(b)
	if len(r.texts) < maxTexts && len(text) <= maxTexts {
		r.texts[text] = text
	}
	return text
}

// parseID reads a UUID in the forms that Python's uuid.UUID accepts. It returns the nil UUID if b is empty.
func parseID(b []byte) (id signalcast.UUID, err error) {
	if len(b) == 0 || id.UnmarshalText(b) == nil {
		return id, nil
	}
	const longest = 100
	if len(b) > longest {
		return id, errID
	}
	digits := bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("urn:"), nil), []byte("uuid:"), nil)
	digits = bytes.ReplaceAll(bytes.Trim(digits, "{}"), []byte("-"), nil)
	if len(digits) != hex.EncodedLen(len(id)) {
		return id, errID
	}
	if _, err := hex.Decode(id[:], digits); err != nil {
		return signalcast.UUID{}, errID
	}
	return id, nil
}

// derivedID returns a UUID that is the same for each delivery of a message: version 5 in the namespace of URLs (RFC 9562,
// section 5.5).
func derivedID(position string) signalcast.UUID {
	namespace := [16]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	sum := sha1.Sum(append(namespace[:], "signalcast:"+position...)) //nolint:gosec // no secret
	id := signalcast.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	return id
}

// parseTime reads a time as Python's fromisoformat does. It returns the zero time if b is not a time.
func parseTime(b []byte) (time.Time, error) {
	const longest = 64
	if len(b) == 0 || len(b) > longest {
		return time.Time{}, nil
	}
	t, err := shape.ParseTime(string(b))
	switch {
	case err != nil:
		return time.Time{}, nil //nolint:nilerr // the broker's time stands in
	case t.Location() == signalcast.Naive():
		return time.Time{}, errNaive
	}
	return t.UTC(), nil
}

// isVersion reports whether text is numbers joined by dots.
func isVersion(text string) bool {
	for part := range strings.SplitSeq(text, ".") {
		if _, err := strconv.ParseUint(part, 10, 63); err != nil {
			return false
		}
	}
	return true
}
