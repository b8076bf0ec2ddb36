package shape

import (
	"time"
)

//nolint:gochecknoglobals // its pointer identifies naive times
var naive = time.FixedZone("naive", 0)

// Naive returns the location of times without an offset. A time is naive if its Location is this
// pointer; other locations with offset zero have the offset +00:00.
func Naive() *time.Location { return naive }

var (
	errZeroTime = &FieldError{Found: "found the zero time", Want: "a time, or a field of type *time.Time for an optional one"}
	errYear     = &FieldError{Found: "found a year out of range", Want: "a year from 1 to 9999"}
	errOffset   = &FieldError{Found: "found a UTC offset of 24 hours or more", Want: "an offset of less than 24 hours"}
	errNotTime  = &FieldError{Found: "found text that is not a time", Want: wantTime}
)

// wantTime is the form of a time in messages.
const wantTime = "a time such as 2006-01-02T15:04:05.000000+00:00"

// AppendTime appends t in the form of Python's isoformat and returns the extended slice. It
// writes the offset of t, +00:00 for UTC, and no offset in the location [Naive]. It truncates t
// to microseconds and writes either no fraction or six digits.
//
// AppendTime returns dst unchanged and an error if the year is not from 1 to 9999, if the offset
// is 24 hours or more, or if t is the zero time, which almost always means that a field was not
// set.
func AppendTime(dst []byte, t time.Time) ([]byte, error) {
	year, month, day := t.Date()
	switch {
	case year < 1 || year > 9999:
		return dst, errYear
	case year == 1 && t == time.Time{}: //nolint:staticcheck // IsZero is true in every location; the zero time is in UTC
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
	if t.Location() == naive {
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

// tens and ones return the digits of n, which must be below 100.
func tens(n int) byte { return '0' + uint8(n)/10 } //nolint:gosec // below 100
func ones(n int) byte { return '0' + uint8(n)%10 } //nolint:gosec // below 100

// ParseTime parses the form that [AppendTime] writes. As RFC 3339 and Python's fromisoformat do,
// it also accepts a space or t for the T, Z for the offset, seconds in the offset, a comma before
// the fraction, and one to nine digits of fraction, which it truncates to six. A time without an
// offset is in the location [Naive], a time with offset zero in [time.UTC]. The zero time is an
// error, as in [AppendTime]. The error does not contain the text.
func ParseTime(text string) (time.Time, error) {
	t, fault := parseTime(text)
	if fault != nil {
		return time.Time{}, fault
	}
	return t, nil
}

func parseTime(text string) (time.Time, *FieldError) {
	if t, ok := parseFixedTime(text); ok {
		return t, nil
	}
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
	if t.Month() != time.Month(month) { // the month has no such day; Date moved to another month
		return time.Time{}, errNotTime
	}
	if t == (time.Time{}) { //nolint:staticcheck // as in AppendTime
		return time.Time{}, errZeroTime
	}
	return t, nil
}

// parseFixedTime parses the form of almost all times on the bus: the offset +00:00, with six digits of
// fraction or none. It reports false for other forms and for invalid times.
func parseFixedTime(text string) (time.Time, bool) {
	const short, long = len("2006-01-02T15:04:05+00:00"), len("2006-01-02T15:04:05.000000+00:00")
	if len(text) != short && len(text) != long || text[len(text)-6:] != "+00:00" ||
		text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return time.Time{}, false
	}
	year := twoDigits(text[0:2])*100 + twoDigits(text[2:4])
	month, day := twoDigits(text[5:7]), twoDigits(text[8:10])
	hour, minute, second := twoDigits(text[11:13]), twoDigits(text[14:16]), twoDigits(text[17:19])
	micros := uint32(0)
	if len(text) == long {
		if text[19] != '.' {
			return time.Time{}, false
		}
		micros = (twoDigits(text[20:22])*100+twoDigits(text[22:24]))*100 + twoDigits(text[24:26])
	}
	// Days that not every month has, and the year of the zero time, are left to the full parser.
	if year-2 > 9997 || month-1 > 11 || day-1 > 27 || hour > 23 || minute > 59 || second > 59 || micros > 999_999 {
		return time.Time{}, false
	}
	seconds := ((daysSince1970(year, month, day)*24+int64(hour))*60+int64(minute))*60 + int64(second)
	return time.Unix(seconds, int64(micros)*1000).UTC(), true
}

// twoDigits returns the value of two digits, or a number that no part of a time can have.
func twoDigits(text string) uint32 {
	high, low := text[0]-'0', text[1]-'0'
	if high > 9 || low > 9 {
		return 1 << 20
	}
	return uint32(high)*10 + uint32(low)
}

// daysSince1970 counts the days of a date of the Gregorian calendar.
func daysSince1970(year, month, day uint32) int64 {
	const daysBefore1970 = 719_469 // since March of the year 0
	if month <= 2 {                // years that start in March end with their leap day
		year, month = year-1, month+12
	}
	return int64(365*year+year/4-year/100+year/400+(153*(month-3)+2)/5+day) - daysBefore1970
}

// timeParser consumes a text from its start. ok is false after the first mismatch.
type timeParser struct {
	rest string
	ok   bool
}

// number consumes two digits and returns their value.
func (p *timeParser) number() int {
	if !p.ok || len(p.rest) < 2 || !isDigit(p.rest[0]) || !isDigit(p.rest[1]) {
		p.ok = false
		return 0
	}
	n := int(p.rest[0]-'0')*10 + int(p.rest[1]-'0')
	p.rest = p.rest[2:]
	return n
}

// oneOf consumes and returns the next character, which must be one of chars.
func (p *timeParser) oneOf(chars string) byte {
	for i := range len(chars) {
		if p.has(chars[i]) {
			return chars[i]
		}
	}
	p.ok = false
	return 0
}

// has consumes char if it is the next character, and reports whether it is.
func (p *timeParser) has(char byte) bool {
	if !p.ok || p.rest == "" || p.rest[0] != char {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// fraction consumes an optional fraction and returns it in nanoseconds, truncated to
// microseconds.
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

// offset consumes an optional offset and returns its location.
func (p *timeParser) offset() *time.Location {
	if p.rest == "" {
		return naive
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
