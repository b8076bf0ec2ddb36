package adminhttp

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// number returns n with commas between thousands. The script formats numbers in the same way.
func number(n int64) string {
	text := strconv.FormatInt(n, 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(text) - 3; i > first; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// rate returns messages per second as text. The script formats rates in the same way.
func rate(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return "0"
	case perSecond < 0.1:
		return "<0.1"
	case perSecond < 9.95:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	default:
		return number(int64(perSecond + 0.5))
	}
}

// size returns a number of bytes as text.
func size(bytes int64) string {
	switch {
	case bytes < 1<<10:
		return number(bytes) + " B"
	case bytes < 1<<20:
		return strconv.FormatFloat(float64(bytes)/(1<<10), 'f', 1, 64) + " KiB"
	default:
		return strconv.FormatFloat(float64(bytes)/(1<<20), 'f', 1, 64) + " MiB"
	}
}

// span returns a duration as text: "45 s", "12 min", "3 h 5 min", "2 d 4 h".
func span(d time.Duration) string {
	d = max(d, 0)
	two := func(n time.Duration, unit string, rest time.Duration, restUnit string) string {
		text := strconv.FormatInt(int64(n), 10) + " " + unit
		if rest > 0 {
			text += " " + strconv.FormatInt(int64(rest), 10) + " " + restUnit
		}
		return text
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return two(d/time.Second, "s", 0, "")
	case d < time.Hour:
		return two(d/time.Minute, "min", 0, "")
	case d < day:
		return two(d/time.Hour, "h", d%time.Hour/time.Minute, "min")
	default:
		return two(d/day, "d", d%day/time.Hour, "h")
	}
}

// clock returns a time in UTC, with its date if it is not today.
func clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format(time.TimeOnly) + " UTC"
	}
	return t.Format(time.DateTime) + " UTC"
}

// maxErrorText is the longest text of an error of a backend or receiver on a page, in bytes.
const maxErrorText = 500

// errorText returns the text of err, shortened to maxErrorText. It is empty if err is nil.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	return text
}

// address returns the relative address of a page with one parameter.
func address(page, name, value string) string {
	return page + "?" + url.Values{name: {value}}.Encode()
}
