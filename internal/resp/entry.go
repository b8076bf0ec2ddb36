package resp

import (
	"bytes"
	"errors"
	"io"
	"strconv"
)

// Reader reads replies, and finds the entries of streams in its buffer without a copy. One goroutine
// at a time uses it. After an error that is no [ReplyError], it is not usable.
//
// Memory grows with the bytes that the server has sent, not with the lengths that it announces.
type Reader struct {
	from    io.Reader
	limit   int
	buf     []byte
	at, end int // buf[at:end] is received and not read
	fields  []Span
	id      []byte // of an entry that is too large
}

// Span is a part of a text: the bytes from Start up to End.
type Span struct{ Start, End int }

// Entry is an entry of a stream. Its memory is valid until the next call of the Reader.
type Entry struct {
	// Text is the entry as the server sent it. It is nil if the entry was deleted and has no ID either.
	Text []byte
	// ID is the ID, and Fields the names and values in turn, as parts of Text. Fields is empty if the entry
	// was deleted.
	ID     Span
	Fields []Span
	// TooLarge reports that the entry is larger than the limit. Text then is the ID.
	TooLarge bool
}

const (
	maxKept  = 1 << 20 // size of the largest buffer that is kept
	noLength = -2      // of the kinds of replies that are one line
	maxCount = 1 << 30 // the largest length of a string or array
	maxSkip  = 8 << 30 // bytes of the largest reply that Skip reads
)

// NewReader returns a Reader of replies. An entry of more than limit bytes is too large.
func NewReader(from io.Reader, limit int) *Reader { return &Reader{from: from, limit: limit} }

// Status reads a status reply, such as +OK.
func (r *Reader) Status() error {
	_, err := r.line('+')
	return err
}

// Int reads a reply that is a number.
func (r *Reader) Int() (int64, error) {
	text, err := r.line(':')
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, ErrProtocol
	}
	return n, nil
}

// Equal reads a reply that is a string or nil. It reports whether it is a given text.
func (r *Reader) Equal(text string) (bool, error) {
	kind, n, next, err := r.head(0)
	if err != nil {
		return false, err
	}
	if n == -1 {
		r.at += next
		return false, nil
	}
	if kind != '$' || n > maxLine {
		return false, ErrProtocol
	}
	s, next, err := r.bulk(0)
	if err != nil {
		return false, err
	}
	equal := string(r.buf[r.at+s.Start:r.at+s.End]) == text
	r.at += next
	return equal, nil
}

// Array reads the first line of an array. It returns -1 for nil.
func (r *Reader) Array() (int, error) {
	n, next, err := r.arrayAt(0)
	if err != nil {
		return 0, err
	}
	r.at += next
	return n, nil
}

// Streams reads a reply of XREAD or XREADGROUP for one stream, up to its first entry. It returns the number
// of entries, which the caller must read. A nil reply has none.
func (r *Reader) Streams() (int, error) {
	kind, n, next, err := r.head(0)
	if err != nil {
		return 0, err
	}
	r.at += next
	if n == -1 {
		return 0, nil
	}
	if n != 1 || kind != '*' && kind != '%' {
		return 0, ErrProtocol
	}
	if kind == '*' { // version 3 of the protocol has a map instead of pairs
		if n, err = r.Array(); err != nil {
			return 0, err
		}
		if n != 2 {
			return 0, ErrProtocol
		}
	}
	if err := r.Skip(); err != nil { // the name of the stream
		return 0, err
	}
	n, err = r.Array()
	if err == nil && n < 0 {
		err = ErrProtocol
	}
	return n, err
}

// Entry reads an entry.
func (r *Reader) Entry() (Entry, error) {
	e, next, err := r.entry()
	if errors.Is(err, errTooLarge) {
		return r.skipEntry(e.ID)
	}
	if err != nil {
		return Entry{}, err
	}
	if e.ID.End > 0 {
		e.Text = r.buf[r.at : r.at+next : r.at+next]
	}
	r.at += next
	return e, nil
}

// errTooLarge reports an entry that is larger than the limit.
var errTooLarge = errors.New("found an entry that is too large")

// entry finds an entry. next is its size.
func (r *Reader) entry() (e Entry, next int, err error) {
	n, next, err := r.arrayAt(0)
	if err != nil || n < 0 { // Redis 6.2 has nil for a deleted entry
		return e, next, err
	}
	if n != 2 {
		return e, 0, ErrProtocol
	}
	id, next, err := r.bulk(next)
	if err != nil {
		return e, 0, err
	}
	if id.End-id.Start > MaxID || id.End == id.Start {
		return e, 0, ErrProtocol
	}
	e.ID = id
	if n, next, err = r.arrayAt(next); err != nil || n < 0 {
		return e, next, err
	}
	if n%2 != 0 {
		return e, 0, ErrProtocol
	}
	if cap(r.fields) > maxKept/16 {
		r.fields = nil
	}
	r.fields = r.fields[:0]
	for range n {
		var s Span
		if s, next, err = r.bulk(next); err != nil {
			return e, 0, err
		}
		r.fields = append(r.fields, s)
	}
	e.Fields = r.fields
	return e, next, nil
}

// skipEntry reads an entry that is too large, whose first bytes are in the buffer.
func (r *Reader) skipEntry(id Span) (Entry, error) {
	r.id = append(r.id[:0], r.buf[r.at+id.Start:r.at+id.End]...)
	if len(r.id) == 0 {
		return Entry{}, ErrProtocol
	}
	if err := r.Skip(); err != nil {
		return Entry{}, err
	}
	return Entry{Text: r.id, ID: Span{0, len(r.id)}, TooLarge: true}, nil
}

// Skip reads one reply of any kind.
func (r *Reader) Skip() error {
	budget := int64(maxSkip)
	for left := int64(1); left > 0; left-- {
		kind, n, next, err := r.head(0)
		if err != nil {
			return err
		}
		r.at += next
		size := int64(next)
		switch {
		case n < 0: // nil, or no length
		case kind == '*' || kind == '~':
			left += int64(n)
		case kind == '%':
			left += 2 * int64(n)
		default:
			if err := r.discard(n); err != nil {
				return err
			}
			size += int64(n)
		}
		if budget -= size; budget < left {
			return ErrProtocol
		}
	}
	return nil
}

// discard reads a string of n bytes and its end.
func (r *Reader) discard(n int) error {
	for n > 0 {
		if r.at == r.end {
			if err := r.fill(); err != nil {
				return err
			}
		}
		size := min(n, r.end-r.at)
		r.at += size
		n -= size
	}
	if err := r.need(2); err != nil {
		return err
	}
	if r.buf[r.at] != '\r' || r.buf[r.at+1] != '\n' {
		return ErrProtocol
	}
	r.at += 2
	return nil
}

// arrayAt finds the first line of an array, which begins at an offset of the unread bytes. n is -1 for nil.
func (r *Reader) arrayAt(at int) (n, next int, err error) {
	kind, n, next, err := r.head(at)
	if err == nil && n != -1 && kind != '*' {
		err = ErrProtocol
	}
	return n, next, err
}

// bulk finds a string, which begins at an offset of the unread bytes.
func (r *Reader) bulk(at int) (s Span, next int, err error) {
	kind, n, start, err := r.head(at)
	if err != nil {
		return s, 0, err
	}
	if kind != '$' || n < 0 {
		return s, 0, ErrProtocol
	}
	end := start + n
	if end > r.limit {
		return s, 0, errTooLarge
	}
	if r.end-r.at < end+2 {
		if err := r.need(end + 2); err != nil {
			return s, 0, err
		}
	}
	if r.buf[r.at+end] != '\r' || r.buf[r.at+end+1] != '\n' {
		return s, 0, ErrProtocol
	}
	return Span{start, end}, end + 2, nil
}

// maxLine is the size of the longest line, such as that of an error.
const maxLine = 64 << 10

// head finds the first line of a reply, which begins at an offset of the unread bytes. n is its length, -1 for nil, or
// noLength. next is the offset behind the line. An error reply is returned as a ReplyError.
func (r *Reader) head(at int) (kind byte, n, next int, err error) {
	for {
		b := r.buf[r.at+at : r.end]
		if len(b) > 3 && (b[0] == '$' || b[0] == '*' || b[0] == '%') && b[1] != '-' { // most lines
			i := 1
			for i < len(b) && b[i]-'0' <= 9 && n < maxCount {
				n = 10*n + int(b[i]-'0')
				i++
			}
			if i+1 < len(b) {
				if i == 1 || n >= maxCount || b[i] != '\r' || b[i+1] != '\n' {
					return 0, 0, 0, ErrProtocol
				}
				return b[0], n, at + i + 2, nil
			}
			n = 0
		} else if i := bytes.IndexByte(b, '\n'); i >= 0 {
			if kind, n, err = rareHead(b[:i+1]); err != nil {
				r.at += at + i + 1
			}
			return kind, n, at + i + 1, err
		}
		if len(b) > maxLine {
			return 0, 0, 0, ErrProtocol
		}
		if err := r.fill(); err != nil {
			return 0, 0, 0, err
		}
	}
}

// rareHead reads a line that is nil, an error, or of a kind without a length.
func rareHead(line []byte) (kind byte, n int, err error) {
	line, whole := bytes.CutSuffix(line, []byte("\r\n"))
	if !whole || len(line) == 0 {
		return 0, 0, ErrProtocol
	}
	switch kind = line[0]; kind {
	case '-':
		return 0, 0, ReplyError(line[1:])
	case '$', '*':
		if string(line[1:]) != "-1" {
			return 0, 0, ErrProtocol
		}
		return kind, -1, nil
	case '_':
		return kind, -1, nil
	case '+', ':', ',', '#', '(':
		return kind, noLength, nil
	case '=', '~':
		n, err := strconv.Atoi(string(line[1:]))
		if err != nil || n < 0 || n > maxCount {
			return 0, 0, ErrProtocol
		}
		return kind, n, nil
	}
	return 0, 0, ErrProtocol
}

// line reads a line of a kind without a length, and returns what follows the kind.
func (r *Reader) line(kind byte) ([]byte, error) {
	found, _, next, err := r.head(0)
	if err != nil {
		return nil, err
	}
	if found != kind {
		return nil, ErrProtocol
	}
	text := r.buf[r.at+1 : r.at+next-2]
	r.at += next
	return text, nil
}

// need waits until at least n bytes are unread.
func (r *Reader) need(n int) error {
	for r.end-r.at < n {
		if err := r.fill(); err != nil {
			return err
		}
	}
	return nil
}

// fill waits for more bytes. It may move those that are unread.
func (r *Reader) fill() error {
	if r.at == r.end {
		r.at, r.end = 0, 0
		if len(r.buf) == 0 || len(r.buf) > maxKept {
			r.buf = make([]byte, bufferSize)
		}
	}
	if r.end == len(r.buf) {
		unread := r.buf[r.at:r.end]
		if len(unread) > len(r.buf)/2 {
			r.buf = make([]byte, 2*len(r.buf))
		}
		copy(r.buf, unread)
		r.at, r.end = 0, len(unread)
	}
	const patience = 100
	for range patience {
		n, err := r.from.Read(r.buf[r.end:])
		if n > 0 {
			r.end += n
			return nil
		}
		if err != nil {
			return err //nolint:wrapcheck // the caller wraps it
		}
	}
	return io.ErrNoProgress
}

// Buffered returns the number of bytes that are received and not read.
func (r *Reader) Buffered() int { return r.end - r.at }
