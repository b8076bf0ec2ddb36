package shape

import (
	"time"
)

// Naive is the location of a time without an offset. It is told from UTC by its
// identity: a time is naive if its Location is this very pointer.
//
//nolint:gochecknoglobals // a constant in all but name, as time.UTC is
var Naive = time.FixedZone("naive", 0)

var (
	errZeroTime = &FieldError{Found: "found the zero time", Want: "a time; an optional one is a *time.Time"}
	errYear     = &FieldError{Found: "found a year outside 1 to 9999", Want: "a year within"}
	errOffset   = &FieldError{Found: "found an offset from UTC of a day or more", Want: "a smaller one"}
	errNotTime  = &FieldError{Found: "found text that is not a time", Want: timeFormat}
)

// timeFormat shows the form of a time in messages.
const timeFormat = "2006-01-02T15:04:05.000000+00:00"

// AppendTime appends t as Python's isoformat writes it: with its own offset, or
// none in the location [Naive]; UTC is +00:00. The fraction is absent when it is
// zero and has six digits otherwise. Nanoseconds are cut to microseconds. The
// year must be 1 to 9999, the offset less than a day. The zero time is an error: it
// almost always means that a field was not set.
func AppendTime(dst []byte, t time.Time) ([]byte, error) {
	year, month, day := t.Date()
	switch {
	case year < 1 || year > 9999:
		return dst, errYear
	case year == 1 && t == time.Time{}: //nolint:staticcheck // a time in another location was set on purpose
		return dst, errZeroTime
	}
	offset := 0
	if t.Location() != time.UTC {
		_, offset = t.Zone()
	}
	if offset <= -secondsADay || offset >= secondsADay {
		return dst, errOffset
	}
	second := int((t.Unix() + int64(offset)) % secondsADay)
	if second < 0 { // before 1970
		second += secondsADay
	}
	minute := second / 60
	hour := minute / 60
	dst = append(
		dst,
		tens(year/100), ones(year/100), tens(year%100), ones(year%100), '-', tens(int(month)), ones(int(month)), '-', tens(day), ones(day),
		'T', tens(hour), ones(hour), ':', tens(minute%60), ones(minute%60), ':', tens(second%60), ones(second%60),
	)
	if micros := t.Nanosecond() / 1000; micros != 0 {
		high, middle, low := micros/10000, micros/100%100, micros%100
		dst = append(dst, '.', tens(high), ones(high), tens(middle), ones(middle), tens(low), ones(low))
	}
	if t.Location() == Naive {
		return dst, nil
	}
	return appendOffset(dst, offset), nil
}

const secondsADay = 24 * 60 * 60

func appendOffset(dst []byte, offset int) []byte {
	if offset == 0 {
		return append(dst, "+00:00"...)
	}
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	hour, minute, second := offset/3600, offset/60%60, offset%60
	dst = append(dst, sign, tens(hour), ones(hour), ':', tens(minute), ones(minute))
	if second != 0 {
		dst = append(dst, ':', tens(second), ones(second))
	}
	return dst
}

// tens and ones are the digits of n, which is below 100.
func tens(n int) byte { return '0' + uint8(n)/10 } //nolint:gosec // below 100
func ones(n int) byte { return '0' + uint8(n)%10 } //nolint:gosec // below 100

// ParseTime reads what [AppendTime] writes, and what RFC 3339 and Python's
// fromisoformat take in that form: a space for the T, Z for the offset, seconds
// in the offset, one to nine digits of fraction, which are cut to six. A time
// without offset is in the location [Naive], one with offset zero in [time.UTC].
// The error does not repeat the text.
func ParseTime(text string) (time.Time, error) {
	p := timeParser{rest: text, ok: true}
	year := p.number()*100 + p.number()
	p.oneOf("-")
	month := p.number()
	p.oneOf("-")
	day := p.number()
	p.oneOf("Tt ")
	hour := p.number()
	p.oneOf(":")
	minute := p.number()
	p.oneOf(":")
	second := p.number()
	nanos := p.fraction()
	location := p.offset()
	if !p.ok || p.rest != "" || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, errNotTime
	}
	if year < 1 {
		return time.Time{}, errYear
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, location)
	if t.Month() != time.Month(month) {
		return time.Time{}, errNotTime // the month has no such day, and Date went on to another
	}
	return t, nil
}

// timeParser takes a text apart from its front, until something is missing.
type timeParser struct {
	rest string
	ok   bool
}

// number takes two digits.
func (p *timeParser) number() int {
	if !p.ok || len(p.rest) < 2 || !isDigit(p.rest[0]) || !isDigit(p.rest[1]) {
		p.ok = false
		return 0
	}
	n := int(p.rest[0]-'0')*10 + int(p.rest[1]-'0')
	p.rest = p.rest[2:]
	return n
}

// oneOf takes one of the characters given.
func (p *timeParser) oneOf(chars string) byte {
	for i := range len(chars) {
		if p.has(chars[i]) {
			return chars[i]
		}
	}
	p.ok = false
	return 0
}

// has takes the character given, if it is there.
func (p *timeParser) has(char byte) bool {
	if !p.ok || p.rest == "" || p.rest[0] != char {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// fraction takes a fraction, if there is one, and returns it in nanoseconds,
// cut to microseconds.
func (p *timeParser) fraction() int {
	if !p.has('.') && !p.has(',') {
		return 0
	}
	digits := 0
	micros := 0
	for p.rest != "" && isDigit(p.rest[0]) {
		if digits < 6 {
			micros = micros*10 + int(p.rest[0]-'0')
		}
		digits++
		p.rest = p.rest[1:]
	}
	p.ok = p.ok && 1 <= digits && digits <= 9
	for ; digits < 6; digits++ {
		micros *= 10
	}
	return micros * 1000
}

// offset takes an offset, if there is one.
func (p *timeParser) offset() *time.Location {
	if p.rest == "" {
		return Naive
	}
	sign := p.oneOf("+-Zz")
	if sign == 'Z' || sign == 'z' {
		return time.UTC
	}
	hour := p.number()
	p.oneOf(":")
	minute := p.number()
	second := 0
	if p.has(':') {
		second = p.number()
	}
	p.ok = p.ok && hour <= 23 && minute <= 59 && second <= 59
	offset := (hour*60+minute)*60 + second
	switch {
	case offset == 0:
		return time.UTC
	case sign == '-':
		offset = -offset
	}
	return time.FixedZone("", offset)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
