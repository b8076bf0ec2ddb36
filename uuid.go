package signalcast

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"time"
)

// UUID identifies an event (RFC 9562). The zero value is the nil UUID, which is not valid
// as the ID of an event.
//
// In event data, a UUID is a string on the wire. An optional one is a *UUID.
type UUID [16]byte

// NewUUID returns a version 7 UUID of the current time: 48 bits of milliseconds,
// 12 bits of the fraction of the millisecond (RFC 9562, section 6.2, method 3)
// and 62 random bits. It is safe for concurrent use.
func NewUUID() UUID { return newUUID(time.Now()) }

func newUUID(now time.Time) UUID {
	ms := uint64(now.UnixMilli())
	fraction := uint64(now.Nanosecond()%1e6) << 12 / 1e6 //nolint:gosec // not negative
	var id UUID
	binary.BigEndian.PutUint64(id[:8], ms<<16|0x7000|fraction)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63) //nolint:gosec // an identifier, not a secret
	return id
}

// ParseUUID parses the 36-character form, in upper or lower case.
func ParseUUID(s string) (UUID, error) {
	var id UUID
	return id, id.UnmarshalText([]byte(s))
}

// String returns the 36-character form in lower case.
func (id UUID) String() string {
	b, _ := id.AppendText(make([]byte, 0, 36)) // never fails
	return string(b)
}

// AppendText appends the 36-character form in lower case to b. It never fails.
func (id UUID) AppendText(b []byte) ([]byte, error) {
	b = hex.AppendEncode(b, id[:4])
	b = hex.AppendEncode(append(b, '-'), id[4:6])
	b = hex.AppendEncode(append(b, '-'), id[6:8])
	b = hex.AppendEncode(append(b, '-'), id[8:10])
	return hex.AppendEncode(append(b, '-'), id[10:]), nil
}

// MarshalText returns the 36-character form in lower case. It never fails.
func (id UUID) MarshalText() ([]byte, error) { return id.AppendText(make([]byte, 0, 36)) }

var errUUID = errors.New("found text of another form; want a UUID such as 0190a2b4-9f3c-7b1e-8d44-1f2e3a4b5c6d")

// UnmarshalText parses the 36-character form, in upper or lower case. On an error, id is
// unchanged.
func (id *UUID) UnmarshalText(text []byte) error {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return errUUID
	}
	var digits [32]byte
	n := copy(digits[:], text[:8])
	n += copy(digits[n:], text[9:13])
	n += copy(digits[n:], text[14:18])
	n += copy(digits[n:], text[19:23])
	copy(digits[n:], text[24:])
	var parsed UUID
	if _, err := hex.Decode(parsed[:], digits[:]); err != nil {
		return errUUID
	}
	*id = parsed
	return nil
}
