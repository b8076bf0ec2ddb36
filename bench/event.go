package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/keys"
	"github.com/signalcast/signalcast/openedx/learning"
)

const keyField = "enrollment.course.course_key"

// newEvents returns the event data that every contender sends in turn. The events
// differ in their keys.
func newEvents() []learning.CourseEnrollmentEvent {
	at := func(month time.Month, day int) time.Time {
		return time.Date(2026, month, day, 23, 59, 58, 123456000, time.UTC)
	}
	start, end := at(2, 25), at(6, 12)
	events := make([]learning.CourseEnrollmentEvent, 64)
	for i := range events {
		events[i].Enrollment = learning.CourseEnrollmentData{
			User: learning.UserData{
				ID: 147315, PII: learning.UserPersonalData{Username: "username-734", Email: "email-317", Name: "name-675"},
			},
			Course: learning.CourseData{
				CourseKey:   keys.CourseKey(fmt.Sprintf("course-v1:edX+DemoX+2024_T%02d", i)),
				DisplayName: "display_name-800", Start: &start, End: &end,
			},
			Mode: "mode-162", IsActive: true, CreationDate: at(4, 9),
			CreatedBy: &learning.UserData{
				ID: 301692, IsActive: true, PII: learning.UserPersonalData{Username: "username-622", Email: "email-617", Name: "name-480"},
			},
		}
	}
	return events
}

// The rest of this file is code that a service would write by hand for this one
// event type, with the checks of signalcast. The other libraries send its records.

var errText = errors.New("found text that is not UTF-8")

// record is one encoded event.
type record struct {
	id, time   string
	key, value []byte
}

// framing is the number of bytes before keys and values in Kafka.
const framing = 5

// encode returns the record of an event with a new ID and the current time.
func encode(e *learning.CourseEnrollmentEvent) (record, error) {
	b := make([]byte, framing, 512)
	b, err := appendEvent(b, e)
	if err != nil {
		return record{}, err
	}
	value := b[:len(b):len(b)]
	b = append(b, 0, 0, 0, 0, 0)
	b = appendLong(b, int64(len(e.Enrollment.Course.CourseKey)))
	b = append(b, e.Enrollment.Course.CourseKey...)
	key := b[len(value):]
	value[4], key[4] = 1, 2
	id := signalcast.NewUUID()
	var space [80]byte
	text, _ := id.AppendText(space[:0]) // never fails
	text = appendTime(text, time.Now().UTC())
	all := string(text)
	return record{all[:36], all[36:], key, value}, nil
}

// appendEvent appends the Avro encoding.
func appendEvent(b []byte, event *learning.CourseEnrollmentEvent) ([]byte, error) {
	e := &event.Enrollment
	if err := e.Course.CourseKey.Validate(); err != nil {
		return nil, fmt.Errorf("enrollment.course.course_key: %w", err)
	}
	if !validUser(&e.User) || !utf8.ValidString(string(e.Course.CourseKey)) || !utf8.ValidString(e.Course.DisplayName) ||
		!utf8.ValidString(e.Mode) || e.CreatedBy != nil && !validUser(e.CreatedBy) {
		return nil, errText
	}
	b = appendUser(b, &e.User)
	b = appendText(b, string(e.Course.CourseKey))
	b = appendText(b, e.Course.DisplayName)
	b = appendOptionalTime(b, e.Course.Start)
	b = appendOptionalTime(b, e.Course.End)
	b = appendText(b, e.Mode)
	b = appendBool(b, e.IsActive)
	b = appendTimeText(b, e.CreationDate)
	if e.CreatedBy == nil {
		return append(b, 0), nil
	}
	return appendUser(append(b, 2), e.CreatedBy), nil
}

func validUser(u *learning.UserData) bool {
	return utf8.ValidString(u.PII.Username) && utf8.ValidString(u.PII.Email) && utf8.ValidString(u.PII.Name)
}

func appendUser(b []byte, u *learning.UserData) []byte {
	b = appendLong(b, u.ID)
	b = appendBool(b, u.IsActive)
	b = appendText(b, u.PII.Username)
	b = appendText(b, u.PII.Email)
	return appendText(b, u.PII.Name)
}

func appendLong(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }

func appendText(b []byte, s string) []byte { return append(appendLong(b, int64(len(s))), s...) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendOptionalTime(b []byte, t *time.Time) []byte {
	if t == nil {
		return append(b, 0)
	}
	return appendTimeText(append(b, 2), *t)
}

func appendTimeText(b []byte, t time.Time) []byte {
	at := len(b)
	b = appendTime(append(b, 0), t)
	b[at] = byte((len(b) - at - 1) << 1)
	return b
}

// appendTime appends a UTC time in the format of isoformat in Python.
func appendTime(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	b = appendDigits(b, year, 4)
	b = appendDigits(append(b, '-'), int(month), 2)
	b = appendDigits(append(b, '-'), day, 2)
	b = appendDigits(append(b, 'T'), hour, 2)
	b = appendDigits(append(b, ':'), minute, 2)
	b = appendDigits(append(b, ':'), second, 2)
	if micros := t.Nanosecond() / 1000; micros > 0 {
		b = appendDigits(append(b, '.'), micros, 6)
	}
	return append(b, "+00:00"...)
}

func appendDigits(b []byte, n, width int) []byte {
	at := len(b)
	b = append(b, "000000"[:width]...)
	for i := at + width - 1; i >= at; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}
