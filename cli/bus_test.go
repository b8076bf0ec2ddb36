package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/internal/kafkatest"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/openedx/learning"
)

// sampleCourse is the course in the samples, which is the key of the events.
const sampleCourse = "course-v1:edX+DemoX+2026"

// sendSamples sends three samples of an event type to the topic enrollments.
func sendSamples(t *testing.T, backend signalcast.Backend) {
	t.Helper()
	sendSamplesOf(t, backend, sampleCourse, sampleCourse, sampleCourse)
}

// sendSamplesOf sends a sample for each course.
func sendSamplesOf(t *testing.T, backend signalcast.Backend, courses ...string) {
	t.Helper()
	eventType := learning.CourseEnrollmentCreated.EventType()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(openedx.Signals()...))
	dispatcher, err := signalcast.NewDispatcher(t.Context(), registry, signalcast.ProducerConfig{
		eventType: {"enrollments": {EventKeyField: new("enrollment.course.course_key"), Enabled: new(true)}},
	}, backend)
	require.NoError(t, err)
	sample, err := registry.Sample(eventType)
	require.NoError(t, err)
	for _, course := range courses {
		event := strings.ReplaceAll(string(sample), sampleCourse, course)
		require.NoError(t, registry.SendJSON(t.Context(), eventType, []byte(event)))
	}
	require.NoError(t, dispatcher.Close(t.Context()))
}

// eachBus runs a test with the URL of a broker that has three events.
func eachBus(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		url := "redis://" + miniredis.RunT(t).Addr() + "/0"
		backend, err := redisbus.New(redisbus.Config{URL: url})
		require.NoError(t, err)
		sendSamples(t, backend)
		test(t, url)
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		cluster, registry := kafkatest.NewCluster(t), kafkatest.NewRegistry(t)
		backend, err := franz.New(kafkaconfig.Config{Brokers: cluster.ListenAddrs(), SchemaRegistry: registry.URL})
		require.NoError(t, err)
		sendSamples(t, backend)
		test(t, "kafka://"+strings.Join(cluster.ListenAddrs(), ",")+"?registry="+registry.URL)
	})
}

func TestTailShowsEvents(t *testing.T) {
	t.Parallel()
	eachBus(t, func(t *testing.T, url string) {
		c := newProgram(t)
		text := c.fine(t, "tail", "--bus", url, "--from", "beginning", "--count", "2", "enrollments")
		require.Len(t, strings.Split(strings.TrimSpace(text), "\n"), 4)
		require.Contains(t, text, "enrollments/")
		require.Contains(t, text, `"course_key":"`+sampleCourse+`"`)

		lines := strings.Split(strings.TrimSpace(c.fine(t, "tail", "--bus", url, "--from", "1h", "--count", "3", "--format", "json", "enrollments")), "\n")
		require.Len(t, lines, 3)
		var shown struct {
			Position string
			Metadata struct {
				EventType string `json:"event_type"`
			}
			Data struct{ Enrollment struct{ Mode string } }
		}
		require.NoError(t, json.Unmarshal([]byte(lines[0]), &shown))
		require.Equal(t, learning.CourseEnrollmentCreated.EventType(), shown.Metadata.EventType)
		require.Equal(t, "text", shown.Data.Enrollment.Mode)
	})
}

// A program without the signals still shows what is on a topic.
func TestTailShowsUnknownEventTypes(t *testing.T) {
	t.Parallel()
	eachBus(t, func(t *testing.T, url string) {
		c := program{cli.Command{Registry: signalcast.NewRegistry()}}
		text := c.fine(t, "tail", "--bus", url, "--from", "beginning", "--count", "1", "enrollments")
		require.Contains(t, text, learning.CourseEnrollmentCreated.EventType())
		require.Contains(t, text, "unreadable: type: found an event type that is not registered")
	})
}

func TestReadingFailsWhenTheBrokerIsUnreachable(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"redis://127.0.0.1:1/0", "kafka://127.0.0.1:1?registry=http://127.0.0.1:1"} {
		for _, args := range [][]string{{"tail"}, {"deadletter", "list", "--group", "g"}, {"deadletter", "replay", "--group", "g", "--apply"}} {
			t.Run(strings.Join(args, " ")+" "+url[:5], func(t *testing.T) {
				t.Parallel()
				r := newProgram(t).run(append(args, "--bus", url, "--idle", "500ms", "enrollments")...)
				require.Equal(t, cli.ExitProblems, r.code, r.out)
				require.Contains(t, r.errors, "connection refused")
			})
		}
	}
}

func TestLagAndReplayOfAGroup(t *testing.T) {
	t.Parallel()
	eachBus(t, func(t *testing.T, url string) {
		makeDeadLetters(t, url) // the group catalog has read everything
		c := newProgram(t)
		require.Contains(t, c.fine(t, "lag", "--bus", url, "--group", "catalog", "enrollments"), "enrollments")
		plan := c.fine(t, "replay", "--bus", url, "--group", "catalog", "--since", "1h", "enrollments")
		require.Contains(t, plan, "nothing was changed")
		if strings.HasPrefix(url, "redis:") {
			return // the fake server cannot move a group; consume/redis tests it with a real one
		}
		moved := c.fine(t, "replay", "--bus", url, "--group", "catalog", "--since", "1h", "--apply", "--format", "json", "enrollments")
		require.Contains(t, moved, `"messages":3`)
	})
}

func TestBusCommandsNameInvalidFlags(t *testing.T) {
	t.Parallel()
	c := newProgram(t)
	for want, args := range map[string][]string{
		"--bus: found an unknown scheme": {"tail", "--bus", "amqp://h", "t"},
		"--bus: registry: missing":       {"lag", "--bus", "kafka://h:9092", "--group", "g", "t"},
		"--from: found \"tomorrow\"":     {"tail", "--bus", "redis://h", "--from", "tomorrow", "t"},
		"--since: found \"tomorrow\"":    {"replay", "--bus", "redis://h", "--group", "g", "--since", "tomorrow", "t"},
		"--bus: found the parameter \"client\", which chooses how to publish; want only registry, since franz-go alone reads from Kafka": {
			"lag", "--bus", "kafka://h:9092?registry=http://r&client=franz", "--group", "g", "t",
		},
		"--bus: found the parameter \"acks\"; want registry": {"tail", "--bus", "kafka://h:9092?registry=http://r&acks=1", "t"},
		"--bus: found credentials":                           {"tail", "--bus", "kafka://user:hidden-secret@h:9092?registry=http://r", "t"},
		"tail: found 0 arguments; want on":                   {"tail", "--bus", "redis://h"},
	} {
		r := c.run(args...)
		require.Equal(t, cli.ExitUsage, r.code, r.errors)
		require.Contains(t, r.errors, want)
		require.NotContains(t, r.errors, "hidden-secret")
	}
}
