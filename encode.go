package signalcast

// publication is one event as one dispatcher publishes it.
type publication struct {
	envelope Envelope
	small    [smallEvent]byte // room for the value and keys of most events
}

// smallEvent is the number of bytes for which a publication has room. See
// docs/decisions/0005.
const smallEvent = 384

// encode encodes the event once, into p, and fills slots, one for each enabled route.
// The keys follow the value in the same memory.
func (r *signalRoutes) encode(p *publication, slots []slot, meta *Metadata, data Data) error {
	buf, err := r.encoder.AppendValue(p.small[:0], data)
	if err != nil {
		return err //nolint:wrapcheck // an *EncodeError
	}
	valueEnd := len(buf)
	var few [4]int
	keyEnds := few[:0] // of r.keys
	for _, k := range r.keys {
		if buf, err = r.encoder.AppendKey(buf, k, data); err != nil {
			return err //nolint:wrapcheck // an *EncodeError
		}
		keyEnds = append(keyEnds, len(buf))
	}
	e := &p.envelope
	e.Metadata, e.Value, e.ValueSchema, e.ContentType = *meta, buf[:valueEnd:valueEnd], r.encoder.ValueSchema(), r.contentType
	for i, route := range r.enabled {
		s := &slots[i]
		s.route = route
		s.message.Topic, s.message.KeySchema, s.message.Event = route.Topic, route.KeySchema, e
		if route.key != nil {
			start, end := valueEnd, keyEnds[route.keyIndex]
			if route.keyIndex > 0 {
				start = keyEnds[route.keyIndex-1]
			}
			s.message.Key = buf[start:end:end]
		}
	}
	return nil
}
