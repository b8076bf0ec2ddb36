package signalcast_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// discard acknowledges every message at once.
type discard struct{}

func (discard) Prepare(context.Context, []signalcast.Route) error { return nil }

func (discard) Publish(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
	done(signalcast.Receipt{}, nil)
	return nil
}
func (discard) Flush(context.Context) error { return nil }
func (discard) Close(context.Context) error { return nil }

type benchUser struct {
	ID       int64  `avro:"id"`
	IsActive bool   `avro:"is_active"`
	Username string `avro:"username"`
	Email    string `avro:"email"`
}

type benchEnrollment struct {
	User      benchUser  `avro:"user"`
	CourseKey string     `avro:"course_key"`
	Mode      string     `avro:"mode"`
	IsActive  bool       `avro:"is_active"`
	Created   time.Time  `avro:"created"`
	CreatedBy *benchUser `avro:"created_by"`
}

type benchData struct {
	Enrollment benchEnrollment `avro:"enrollment"`
}

// benchmark sends the same event to n topics and returns what sends it.
func sendTo(tb testing.TB, topics int) func() error {
	tb.Helper()
	signal := signalcast.NewSignal[benchData]("org.example.enrollment.created.v1")
	r := signalcast.NewRegistry()
	require.NoError(tb, r.Register(signal))
	config := signalcast.ProducerConfig{}
	if topics > 0 {
		config[signal.EventType()] = map[string]signalcast.TopicConfig{}
	}
	for i := range topics {
		config[signal.EventType()][fmt.Sprintf("topic-%d", i)] = signalcast.TopicConfig{
			EventKeyField: new("enrollment.course_key"), Enabled: new(true),
		}
	}
	d, err := signalcast.NewDispatcher(tb.Context(), r, config, discard{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, d.Close(context.Background())) })
	data := benchData{benchEnrollment{
		User:      benchUser{ID: 147315, IsActive: true, Username: "username-734", Email: "email-317@example.org"},
		CourseKey: "course-v1:edX+DemoX+2024_T1", Mode: "verified", IsActive: true,
		Created:   time.Date(2026, 4, 9, 23, 59, 58, 123456000, time.UTC),
		CreatedBy: &benchUser{ID: 301692, Username: "username-622", Email: "email-617@example.org"},
	}}
	ctx := tb.Context()
	return func() error { return signal.Send(ctx, r, data) }
}

func BenchmarkSend(b *testing.B) {
	for _, topics := range []int{0, 1, 2, 5} {
		b.Run(fmt.Sprintf("topics=%d", topics), func(b *testing.B) {
			send := sendTo(b, topics)
			b.ReportAllocs()
			for b.Loop() {
				if err := send(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
