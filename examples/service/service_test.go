package main

import (
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
)

func TestEnrolmentReachesTheReadModel(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.enroll(t, "ada")
	s.requireTotal(t, "1")

	status, body := s.do(t, http.MethodPost, "/enrollments", `{"course": "`+demo+`", "user_id": 7, "username": "ada"}`)
	require.Equal(t, http.StatusConflict, status, body)
	status, body = s.do(t, http.MethodDelete, "/courses/"+demo+"/users/7", "")
	require.Equal(t, http.StatusNoContent, status, body)
	s.requireTotal(t, "0")
	status, _ = s.do(t, http.MethodDelete, "/courses/"+demo+"/users/7", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Len(t, s.memory().Messages(enrollmentsTopic), 2)
}

func TestMalformedRequestsAreRejected(t *testing.T) {
	t.Parallel()
	s := startService(t)
	for body, want := range map[string]string{
		`{`:                         "malformed body; want course, user_id and username\n",
		`{"curse": "` + demo + `"}`: "malformed body; want course, user_id and username\n",
		`{"course": "DemoX"}`:       "malformed course key; want course-v1:org+course+run, Org/Course/Run, ccx-v1:org+course+run+ccx@1 or library-v1:org+library\n",
	} {
		status, answer := s.do(t, http.MethodPost, "/enrollments", body)
		require.Equal(t, http.StatusBadRequest, status)
		require.Equal(t, want, answer)
	}
	require.Empty(t, s.memory().Messages())
}

func TestChangedFileIsReloaded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "service.yaml")
	write := func(enabled string) {
		require.NoError(t, os.WriteFile(file, []byte(seatsChanged.EventType()+":\n  course-seats:\n    enabled: "+enabled+"\n"), 0o600))
	}
	write("true")
	s := startService(t, func(c *settings) { c.config = file })
	require.True(t, s.enabled(seatsTopic))
	write("false")
	require.Eventually(t, func() bool { return !s.enabled(seatsTopic) }, patience, tick)

	write("maybe")
	require.Eventually(t, func() bool { return s.watcher.Status().Err != nil }, patience, tick)
	require.ErrorContains(t, s.watcher.Status().Err, `service.yaml:3:5: org.example.course.seats.changed.v1 → course-seats → enabled: found a string`)
	require.False(t, s.enabled(seatsTopic))
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	t.Setenv(configfile.ProducerConfigVariable, `{"`+seatsChanged.EventType()+`": {"course-seats": {"enabled": false}}}`)
	require.False(t, startService(t).enabled(seatsTopic))
}

func (s *runningService) enabled(topic string) bool {
	for _, r := range s.dispatcher.Routes() {
		if r.Topic == topic {
			return r.Enabled
		}
	}
	return false
}

func TestInvalidConfigurationStopsTheStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "service.yaml")
	require.NoError(t, os.WriteFile(file, []byte(seatsChanged.EventType()+":\n  course-seats:\n    event_key_field: course\n"), 0o600))
	err := run(t.Context(), settings{config: file, dir: t.TempDir()}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, `service.yaml:3:5: org.example.course.seats.changed.v1 → course-seats → event_key_field: key path "course": unknown field "course"; want course_key, taken`)
}

func TestOperatorSwitchesATopicOff(t *testing.T) {
	t.Parallel()
	s := startService(t, func(c *settings) { c.adminPassword = "secret"; c.prefix = "prod" })
	status, body := s.do(t, http.MethodPost, "/admin/api/v1/switch-off", `{"topic": "prod-course-seats", "reason": "incident 7"}`)
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, s.log.String(), `reason="incident 7" by="night shift"`)
	s.enroll(t, "ada")
	s.requireTotal(t, "1")
	require.Empty(t, s.memory().Messages("prod-course-seats"))
	require.EqualValues(t, 1, s.dispatcher.Stats().Suppressed)

	s.settings.adminPassword = "wrong"
	status, _ = s.do(t, http.MethodGet, "/admin/", "")
	require.Equal(t, http.StatusUnauthorized, status)
}

func TestWithoutPasswordThePageShowsOnly(t *testing.T) {
	t.Parallel()
	s := startService(t)
	status, _ := s.do(t, http.MethodGet, "/admin/", "")
	require.Equal(t, http.StatusOK, status)
	status, _ = s.do(t, http.MethodPost, "/admin/api/v1/switch-off", `{"reason": "incident 7"}`)
	require.Equal(t, http.StatusForbidden, status)
}

func TestFailedMessageBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.memory().Inject(memory.Fault{Topic: seatsTopic, Times: 1, Err: os.ErrDeadlineExceeded, Fate: signalcast.FateNotWritten})
	s.enroll(t, "ada")
	require.NoError(t, s.memory().Wait(t.Context(), func() bool { return len(s.memory().Messages(seatsTopic+"-dead")) == 1 }))
}

// Another service may write what this one cannot read.
func TestUnreadableMessageBecomesADeadLetterOfTheConsumer(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.enroll(t, "ada")
	s.requireTotal(t, "1")
	sent := s.memory().Messages(enrollmentsTopic)[0]
	event := *sent.Event
	event.ID, event.Value = signalcast.NewUUID(), []byte{1}
	require.NoError(t, s.memory().Publish(t.Context(), &signalcast.Message{Topic: enrollmentsTopic, Key: sent.Key, Event: &event},
		func(signalcast.Receipt, error) {}))
	dead := consume.DeadLetterTopic(enrollmentsTopic, group, "dead")
	require.NoError(t, s.memory().Wait(t.Context(), func() bool { return len(s.memory().Messages(dead)) == 1 }))
}

func TestShutdownDeliversAcceptedMessages(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.memory().Hold()
	s.enroll(t, "ada")
	require.NoError(t, s.memory().Wait(t.Context(), func() bool { return s.memory().Unacknowledged() == 2 }))
	ended := make(chan error, 1)
	go func() { ended <- s.end() }()
	require.Eventually(t, func() bool { // until the server accepts no connections
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
		return err != nil || connection.Close() != nil
	}, patience, tick)
	require.Empty(t, s.memory().Messages())
	s.memory().Release()
	require.NoError(t, <-ended)
	require.Len(t, s.memory().Messages(enrollmentsTopic), 1)
	require.Len(t, s.memory().Messages(seatsTopic), 1)
}

func TestMetricsAndProbes(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.enroll(t, "ada")
	s.requireTotal(t, "1")
	_, metrics := s.do(t, http.MethodGet, "/metrics", "")
	for _, name := range []string{
		`signalcast_stored_messages_total{cloudevents_event_type="org.openedx.learning.course.enrollment.created.v1",`,
		`messaging_client_consumed_messages_total{messaging_consumer_group_name="enrollment-totals",`,
		`signalcast_config_reload_successful{messaging_system="memory"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_code="201",http_route="/enrollments"`,
	} {
		require.Contains(t, metrics, name)
	}
	for _, probe := range []string{"/livez", "/readyz", "/"} {
		status, _ := s.do(t, http.MethodGet, probe, "")
		require.Equal(t, http.StatusOK, status)
	}
}

func TestLogHasNoEventData(t *testing.T) {
	t.Parallel()
	s := startService(t)
	s.memory().Inject(memory.Fault{Times: 3, Err: os.ErrDeadlineExceeded})
	s.enroll(t, "ada.lovelace")
	s.requireTotal(t, "1")
	require.Contains(t, s.log.String(), "message not delivered")
	require.NotContains(t, s.log.String(), "ada.lovelace")
	require.NotContains(t, s.log.String(), demo)
}
