package shape_test

import (
	"encoding/binary"
	"reflect"
	"runtime"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

// enrollment returns event data of about 300 bytes with nested records.
func enrollment() CourseEnrollmentCreated {
	start := time.Date(2024, 9, 25, 23, 59, 58, 123456000, time.UTC)
	end := time.Date(2026, 6, 12, 23, 59, 58, 123456000, time.UTC)
	user := UserData{ID: 147315, IsActive: true}
	user.PII.Username = "username-734"
	user.PII.Email = "username-734@example.org"
	user.PII.Name = "Zażółć Gęślą"
	staff := UserData{ID: 301692, IsActive: true}
	staff.PII.Username = "username-622"
	staff.PII.Email = "username-622@example.org"
	staff.PII.Name = "Ada Lovelace"
	return CourseEnrollmentCreated{CourseEnrollmentData{
		User: user,
		Course: CourseData{
			CourseKey:   "course-v1:edX+DemoX+2024_T1",
			DisplayName: "Demonstration Course",
			Start:       &start,
			End:         &end,
		},
		Mode:         "verified",
		IsActive:     true,
		CreationDate: time.Date(2026, 4, 9, 23, 59, 58, 123456000, time.UTC),
		CreatedBy:    &staff,
	}}
}

// handWritten is an encoder for CourseEnrollmentCreated without package shape. It makes the same
// checks.
type handWritten struct{ dst []byte }

func (w *handWritten) long(v int64) {
	w.dst = binary.AppendUvarint(w.dst, uint64(v)<<1^uint64(v>>63))
}

func (w *handWritten) string(s string) {
	if !utf8.ValidString(s) {
		panic("found invalid UTF-8")
	}
	w.long(int64(len(s)))
	w.dst = append(w.dst, s...)
}

func (w *handWritten) bool(v bool) {
	if v {
		w.dst = append(w.dst, 1)
	} else {
		w.dst = append(w.dst, 0)
	}
}

func (w *handWritten) time(t time.Time) {
	var buf [40]byte
	format := "2006-01-02T15:04:05.000000-07:00"
	if t.Nanosecond() == 0 {
		format = "2006-01-02T15:04:05-07:00"
	}
	text := t.AppendFormat(buf[:0], format)
	w.long(int64(len(text)))
	w.dst = append(w.dst, text...)
}

func (w *handWritten) optionalTime(t *time.Time) {
	w.long(boolToLong(t != nil))
	if t != nil {
		w.time(*t)
	}
}

func (w *handWritten) user(u *UserData) {
	w.long(u.ID)
	w.bool(u.IsActive)
	w.string(u.PII.Username)
	w.string(u.PII.Email)
	w.string(u.PII.Name)
}

func (w *handWritten) enrollment(e *CourseEnrollmentData) error {
	w.user(&e.User)
	if err := e.Course.CourseKey.Validate(); err != nil {
		return err
	}
	w.string(string(e.Course.CourseKey))
	w.string(e.Course.DisplayName)
	w.optionalTime(e.Course.Start)
	w.optionalTime(e.Course.End)
	w.string(e.Mode)
	w.bool(e.IsActive)
	w.time(e.CreationDate)
	w.long(boolToLong(e.CreatedBy != nil))
	if e.CreatedBy != nil {
		w.user(e.CreatedBy)
	}
	return nil
}

func boolToLong(v bool) int64 {
	if v {
		return 1
	}
	return 0
}

func BenchmarkAppendAvro(b *testing.B) {
	data := enrollment()
	compiled, err := shape.Compile(reflect.TypeFor[CourseEnrollmentCreated]())
	require.NoError(b, err)
	buf, err := compiled.AppendAvro(nil, shape.RefOf(&data))
	require.NoError(b, err)
	var w handWritten
	require.NoError(b, w.enrollment(&data.Enrollment))
	require.Equal(b, w.dst, buf)

	b.Run("compiled", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf, _ = compiled.AppendAvro(buf[:0], shape.RefOf(&data))
		}
		runtime.KeepAlive(&data)
	})
	b.Run("written by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			w.dst = w.dst[:0]
			_ = w.enrollment(&data.Enrollment)
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	data := enrollment()
	compiled, err := shape.Compile(reflect.TypeFor[CourseEnrollmentCreated]())
	require.NoError(b, err)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = compiled.AppendJSON(buf[:0], shape.RefOf(&data))
	}
	runtime.KeepAlive(&data)
}

func BenchmarkKeyAppendAvro(b *testing.B) {
	data := enrollment()
	compiled, err := shape.Compile(reflect.TypeFor[CourseEnrollmentCreated]())
	require.NoError(b, err)
	key, err := compiled.Key("enrollment.course.course_key")
	require.NoError(b, err)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = key.AppendAvro(buf[:0], shape.RefOf(&data))
	}
	runtime.KeepAlive(&data)
}

func BenchmarkAppendAvroMaps(b *testing.B) {
	data := CourseNotificationRequested{CourseNotificationData{
		CourseKey:       "course-v1:edX+DemoX+2024_T1",
		ContentContext:  map[string]string{"course_name": "Demo", "sender": "Ada", "post_title": "Welcome"},
		AudienceFilters: map[string][]string{"cohorts": {"1", "2"}, "enrollments": {"audit", "verified"}},
	}}
	compiled, err := shape.Compile(reflect.TypeFor[CourseNotificationRequested]())
	require.NoError(b, err)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = compiled.AppendAvro(buf[:0], shape.RefOf(&data))
	}
	runtime.KeepAlive(&data)
}

func BenchmarkDecodeJSON(b *testing.B) {
	data := enrollment()
	compiled, err := shape.Compile(reflect.TypeFor[CourseEnrollmentCreated]())
	require.NoError(b, err)
	text, err := compiled.AppendJSON(nil, shape.RefOf(&data))
	require.NoError(b, err)
	dst := reflect.New(reflect.TypeFor[CourseEnrollmentCreated]()).Elem()
	b.ReportAllocs()
	for b.Loop() {
		_ = compiled.DecodeJSON(text, dst)
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = shape.Compile(reflect.TypeFor[ThreadCreated]())
	}
}
