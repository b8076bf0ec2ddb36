package avro_test

import (
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	hamba "github.com/hamba/avro/v2"
	"github.com/stretchr/testify/require"
	twmb "github.com/twmb/avro"

	"github.com/signalcast/signalcast/internal/shape"
	"github.com/signalcast/signalcast/openedx/learning"
)

// plainEnrollment is the data of an enrollment event without the types of signals: other libraries
// read times as strings.
type plainEnrollment struct {
	Enrollment struct {
		User         plainUser  `avro:"user"`
		Course       plainRun   `avro:"course"`
		Mode         string     `avro:"mode"`
		IsActive     bool       `avro:"is_active"`
		CreationDate string     `avro:"creation_date"`
		CreatedBy    *plainUser `avro:"created_by"`
	} `avro:"enrollment"`
}

type plainUser struct {
	ID       int64 `avro:"id"`
	IsActive bool  `avro:"is_active"`
	PII      struct {
		Username string `avro:"username"`
		Email    string `avro:"email"`
		Name     string `avro:"name"`
	} `avro:"pii"`
}

type plainRun struct {
	CourseKey   string  `avro:"course_key"`
	DisplayName string  `avro:"display_name"`
	Start       *string `avro:"start"`
	End         *string `avro:"end"`
}

// parseTimes parses the times, which a reader of another library has to do.
func (p *plainEnrollment) parseTimes() (times [3]time.Time) {
	for i, text := range []string{*p.Enrollment.Course.Start, *p.Enrollment.Course.End, p.Enrollment.CreationDate} {
		times[i], _ = time.Parse(time.RFC3339Nano, text)
	}
	return times
}

func BenchmarkDecodeEnrollment(b *testing.B) {
	const eventType = "org.openedx.learning.course.enrollment.created.v1"
	var data []byte
	var text string
	for _, file := range goldenFiles(b) {
		if file.EventType != eventType {
			continue
		}
		text = file.Schema
		for _, sample := range file.Samples {
			if sample.Name == "full" {
				var err error
				data, err = hex.DecodeString(sample.AvroHex)
				require.NoError(b, err)
			}
		}
	}
	require.Len(b, data, 229)

	b.Run("signalcast", func(b *testing.B) {
		compiled, err := shape.Compile(reflect.TypeFor[learning.CourseEnrollmentEvent]())
		require.NoError(b, err)
		schema, err := shape.ParseSchema(text)
		require.NoError(b, err)
		reader, err := compiled.AvroReader(schema, eventType+".CloudEvent")
		require.NoError(b, err)
		var dst learning.CourseEnrollmentEvent
		require.NoError(b, reader.Decode(data, shape.RefOf(&dst)))
		b.ReportAllocs()
		for b.Loop() {
			dst = learning.CourseEnrollmentEvent{}
			_ = reader.Decode(data, shape.RefOf(&dst))
		}
	})
	b.Run("hamba", func(b *testing.B) {
		schema, err := hamba.ParseWithCache(text, "", &hamba.SchemaCache{})
		require.NoError(b, err)
		var dst plainEnrollment
		require.NoError(b, hamba.Unmarshal(schema, data, &dst))
		b.ReportAllocs()
		for b.Loop() {
			dst = plainEnrollment{}
			_ = hamba.Unmarshal(schema, data, &dst)
		}
	})
	b.Run("hamba, with times", func(b *testing.B) {
		schema, err := hamba.ParseWithCache(text, "", &hamba.SchemaCache{})
		require.NoError(b, err)
		var dst plainEnrollment
		b.ReportAllocs()
		for b.Loop() {
			dst = plainEnrollment{}
			_ = hamba.Unmarshal(schema, data, &dst)
			_ = dst.parseTimes()
		}
	})
	b.Run("twmb", func(b *testing.B) {
		schema, err := twmb.Parse(text)
		require.NoError(b, err)
		var dst plainEnrollment
		_, err = schema.Decode(data, &dst)
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			dst = plainEnrollment{}
			_, _ = schema.Decode(data, &dst)
		}
	})
}
