package shape_test

import (
	"encoding/binary"
	"errors"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

// readByHand is a decoder for CourseEnrollmentCreated without the rest of package shape. It makes the
// same checks, and also has all strings in one copy of the bytes.
type readByHand struct {
	text string
	pos  int
	err  error
}

var errHand = errors.New("found malformed bytes")

func (r *readByHand) long() int64 {
	if r.pos < len(r.text) && r.text[r.pos] < 0x80 {
		u := uint64(r.text[r.pos])
		r.pos++
		return int64(u>>1) ^ -int64(u&1)
	}
	v, n := binary.Varint([]byte(r.text[r.pos:min(len(r.text), r.pos+binary.MaxVarintLen64)]))
	if n <= 0 {
		r.err = errHand
		return 0
	}
	r.pos += n
	return v
}

func (r *readByHand) string() string {
	n := r.long()
	if r.err != nil || n < 0 || n > int64(len(r.text)-r.pos) {
		r.err = errHand
		return ""
	}
	s := r.text[r.pos : r.pos+int(n)]
	r.pos += int(n)
	if !utf8.ValidString(s) {
		r.err = errHand
	}
	return s
}

func (r *readByHand) bool() bool {
	if r.err != nil || r.pos == len(r.text) || r.text[r.pos] > 1 {
		r.err = errHand
		return false
	}
	r.pos++
	return r.text[r.pos-1] == 1
}

func (r *readByHand) time() time.Time {
	t, err := shape.ParseTime(r.string())
	if err != nil {
		r.err = err
	}
	return t
}

func (r *readByHand) isSet() bool {
	n := r.long()
	if n != 0 && n != 1 {
		r.err = errHand
	}
	return n == 1
}

func (r *readByHand) optionalTime() *time.Time {
	if !r.isSet() {
		return nil
	}
	return new(r.time())
}

func (r *readByHand) user(u *UserData) {
	u.ID = r.long()
	u.IsActive = r.bool()
	u.PII.Username = r.string()
	u.PII.Email = r.string()
	u.PII.Name = r.string()
}

func (r *readByHand) enrollment(e *CourseEnrollmentData) error {
	r.user(&e.User)
	e.Course.CourseKey = CourseKey(r.string())
	e.Course.DisplayName = r.string()
	e.Course.Start = r.optionalTime()
	e.Course.End = r.optionalTime()
	e.Mode = r.string()
	e.IsActive = r.bool()
	e.CreationDate = r.time()
	if r.isSet() {
		e.CreatedBy = new(UserData)
		r.user(e.CreatedBy)
	}
	if r.err == nil && r.pos < len(r.text) {
		r.err = errHand
	}
	return r.err
}

func BenchmarkDecodeAvro(b *testing.B) {
	want := enrollment()
	compiled, err := shape.Compile(reflect.TypeFor[CourseEnrollmentCreated]())
	require.NoError(b, err)
	data, err := compiled.AppendAvro(nil, shape.RefOf(&want))
	require.NoError(b, err)
	reader := readerOf(b, compiled, compiled.Schema("org.example"))
	var got CourseEnrollmentCreated
	require.NoError(b, reader.Decode(data, shape.RefOf(&got)))
	require.Equal(b, want, got)
	got = CourseEnrollmentCreated{}
	require.NoError(b, (&readByHand{text: string(data)}).enrollment(&got.Enrollment))
	require.Equal(b, want, got)

	b.Run("compiled", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			got = CourseEnrollmentCreated{}
			_ = reader.Decode(data, shape.RefOf(&got))
		}
	})
	b.Run("written by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			got = CourseEnrollmentCreated{}
			r := readByHand{text: string(data)}
			_ = r.enrollment(&got.Enrollment)
		}
	})
}

func BenchmarkAvroReader(b *testing.B) {
	compiled, err := shape.Compile(reflect.TypeFor[ThreadCreated]())
	require.NoError(b, err)
	text := compiled.Schema("org.example")
	b.ReportAllocs()
	for b.Loop() {
		readerOf(b, compiled, text)
	}
}
