package main

import (
	"context"
	"encoding/binary"
	"errors"
	"time"
	"unicode/utf8"

	hamba "github.com/hamba/avro/v2"
	twmb "github.com/twmb/avro"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/keys"
	"github.com/signalcast/signalcast/openedx/learning"
)

// The names of contenders.
const (
	hambaTimes = "hamba/avro, with times parsed"
	bareTwmb   = "twmb/avro"
)

// decoding returns the contest that decodes received events.
func decoding() (contest, error) {
	c := contest{name: decodeContest, about: "A received event is decoded: signalcast and code by hand return metadata and data with parsed times. " +
		"hamba/avro and twmb/avro decode data without metadata into a struct in which times are strings; the line with times parsed builds the data."}
	r, err := newRegistry()
	if err != nil {
		return c, err
	}
	encoder, err := signalcast.Avro().Compile(learning.CourseEnrollmentCreated)
	if err != nil {
		return c, err
	}
	schema := encoder.ValueSchema()
	forHamba, err := hamba.Parse(schema.Text)
	if err != nil {
		return c, err
	}
	forTwmb, err := twmb.Parse(schema.Text)
	if err != nil {
		return c, err
	}
	values, err := encoded()
	if err != nil {
		return c, err
	}
	meta := receivedMetadata()
	add := func(name string, decode func(value []byte) error) {
		c.contenders = append(c.contenders, contender{name: name, events: 200_000, run: func(_ context.Context, n int) error {
			for i := range n {
				if err := decode(values[i%len(values)]); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	add(ours, func(value []byte) error {
		_, err := r.Decode(meta, schema, value)
		return err
	})
	add(byHand, func(value []byte) error {
		_, err := decodeByHand(meta, value)
		return err
	})
	add(bareHamba, func(value []byte) error {
		_, err := decodeMirror(forHamba, value)
		return err
	})
	add(hambaTimes, func(value []byte) error {
		m, err := decodeMirror(forHamba, value)
		if err == nil {
			_, err = m.event()
		}
		return err
	})
	add(bareTwmb, func(value []byte) error {
		_, err := forTwmb.Decode(value, new(mirror))
		return err
	})
	return c, nil
}

// encoded returns the values of the events, without framing.
func encoded() (values [][]byte, err error) {
	for _, event := range newEvents() {
		r, err := encode(&event)
		if err != nil {
			return nil, err
		}
		values = append(values, r.value[framing:])
	}
	return values, nil
}

func receivedMetadata() signalcast.Metadata {
	return signalcast.Metadata{
		ID: signalcast.NewUUID(), EventType: learning.CourseEnrollmentCreated.EventType(), Source: eventSource,
		SourceHost: eventHost, Time: time.Now().UTC(), SourceLib: eventLib,
	}
}

func decodeMirror(schema hamba.Schema, value []byte) (*mirror, error) {
	m := new(mirror)
	return m, hamba.Unmarshal(schema, value, m)
}

// event returns the event data with parsed times.
func (m *mirror) event() (*learning.CourseEnrollmentEvent, error) {
	from, event := &m.Enrollment, &learning.CourseEnrollmentEvent{}
	e := &event.Enrollment
	var errs [3]error
	optional := func(text *string, err *error) *time.Time {
		if text == nil {
			return nil
		}
		var t time.Time
		t, *err = time.Parse(time.RFC3339Nano, *text)
		return &t
	}
	e.User, e.CreatedBy = from.User, from.CreatedBy
	e.Course.CourseKey, e.Course.DisplayName = keys.CourseKey(from.Course.CourseKey), from.Course.DisplayName
	e.Course.Start, e.Course.End = optional(from.Course.Start, &errs[0]), optional(from.Course.End, &errs[1])
	e.Mode, e.IsActive = from.Mode, from.IsActive
	e.CreationDate, errs[2] = time.Parse(time.RFC3339Nano, from.CreationDate)
	return event, errors.Join(errs[:]...)
}

// The rest of this file is code that a service would write by hand for this one event type, with the checks of
// signalcast.

// handReceived is a received event.
type handReceived struct {
	signalcast.Metadata

	event learning.CourseEnrollmentEvent
}

//go:noinline
func decodeByHand(m signalcast.Metadata, value []byte) (*handReceived, error) {
	received := &handReceived{Metadata: m}
	received.FromEventBus = true
	r := handReader{text: string(value)}
	e := &received.event.Enrollment
	r.user(&e.User)
	e.Course.CourseKey = keys.CourseKey(r.string())
	e.Course.DisplayName = r.string()
	e.Course.Start = r.optionalTime()
	e.Course.End = r.optionalTime()
	e.Mode = r.string()
	e.IsActive = r.bool()
	e.CreationDate = r.time()
	if r.present() {
		e.CreatedBy = new(learning.UserData)
		r.user(e.CreatedBy)
	}
	if r.err == nil && len(r.text) > 0 {
		r.err = errBytes
	}
	return received, r.err
}

var errBytes = errors.New("found bytes that are not an enrollment event")

// handReader reads a value from the start of text. After an error it returns zero values.
type handReader struct {
	text string
	err  error
}

func (r *handReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.text = ""
}

func (r *handReader) user(u *learning.UserData) {
	u.ID = r.long()
	u.IsActive = r.bool()
	u.PII.Username = r.string()
	u.PII.Email = r.string()
	u.PII.Name = r.string()
}

func (r *handReader) long() int64 {
	if r.text != "" && r.text[0] < 0x80 {
		u := uint64(r.text[0])
		r.text = r.text[1:]
		return int64(u>>1) ^ -int64(u&1) //nolint:gosec // zigzag
	}
	return r.longerLong()
}

func (r *handReader) longerLong() int64 {
	var b [binary.MaxVarintLen64]byte
	v, size := binary.Varint(b[:copy(b[:], r.text)])
	if size <= 0 {
		r.fail(errBytes)
		return 0
	}
	r.text = r.text[size:]
	return v
}

func (r *handReader) bool() bool {
	if r.text == "" || r.text[0] > 1 {
		r.fail(errBytes)
		return false
	}
	v := r.text[0] == 1
	r.text = r.text[1:]
	return v
}

// present reads the branch of a union with null.
func (r *handReader) present() bool {
	if r.text == "" || r.text[0] != 0 && r.text[0] != 2 {
		r.fail(errBytes)
		return false
	}
	v := r.text[0] == 2
	r.text = r.text[1:]
	return v
}

func (r *handReader) part() string {
	n := r.long()
	if n < 0 || n > int64(len(r.text)) {
		r.fail(errBytes)
		return ""
	}
	s := r.text[:n]
	r.text = r.text[n:]
	return s
}

func (r *handReader) string() string {
	s := r.part()
	if !utf8.ValidString(s) {
		r.fail(errText)
	}
	return s
}

func (r *handReader) optionalTime() *time.Time {
	if !r.present() {
		return nil
	}
	t := r.time()
	return &t
}

func (r *handReader) time() time.Time {
	s := r.part()
	t, ok := parseTime(s)
	if !ok {
		r.fail(errBytes)
	}
	return t
}

// parseTime parses a UTC time in the format of isoformat in Python.
func parseTime(s string) (time.Time, bool) {
	const short, long = len("2006-01-02T15:04:05+00:00"), len("2006-01-02T15:04:05.000000+00:00")
	if len(s) != short && len(s) != long || s[len(s)-6:] != "+00:00" ||
		s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	ok, micros := true, 0
	year, month, day := digits(s[0:4], &ok), digits(s[5:7], &ok), digits(s[8:10], &ok)
	hour, minute, second := digits(s[11:13], &ok), digits(s[14:16], &ok), digits(s[17:19], &ok)
	if len(s) == long {
		ok = ok && s[19] == '.'
		micros = digits(s[20:26], &ok)
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, micros*1000, time.UTC)
	return t, ok && year > 0 && t.Month() == time.Month(month) && hour < 24 && minute < 60 && second < 60
}

// digits returns the value of decimal digits, or sets ok to false.
func digits(s string, ok *bool) int {
	n := 0
	for i := range len(s) {
		d := s[i] - '0'
		*ok = *ok && d < 10
		n = n*10 + int(d)
	}
	return n
}
