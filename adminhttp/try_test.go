package adminhttp_test

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

type field struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Hex  string `json:"hex"`
}

type dryRun struct {
	Topics []struct {
		Topic   string `json:"full_topic"`
		Sent    bool   `json:"sent"`
		Why     string `json:"why"`
		Message *struct {
			Key       string `json:"key"`
			KeyHex    string `json:"key_hex"`
			KafkaKey  string `json:"kafka_key_hex"`
			Partition *int   `json:"kafka_partition"`
		} `json:"message"`
	} `json:"topics"`
	Event *struct {
		Value        json.RawMessage `json:"value"`
		ValueHex     string          `json:"value_hex"`
		KafkaHeaders []field         `json:"kafka_headers"`
		RedisEntry   []field         `json:"redis_entry"`
	} `json:"event"`
}

func (a *admin) try(body string) (run dryRun) {
	a.t.Helper()
	w := a.do(http.MethodPost, "api/v1/try", body, nil)
	require.Equal(a.t, http.StatusOK, w.Code, w.Body)
	require.NoError(a.t, json.Unmarshal(w.Body.Bytes(), &run))
	return run
}

// A dry run shows the bytes that the backends would write, and sends nothing.
func TestDryRunShowsTheBytes(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	sample, err := a.registry.Sample(created)
	require.NoError(t, err)
	const metadata = `{"id": "0b2b1a5e-3c4d-11ee-be56-0242ac120002", "source": "openedx/lms/web", "time": "2026-01-02T03:04:05.000006+00:00",
		"minorversion": 3, "sourcehost": "host", "sourcelib": [11, 2, 0]}`
	run := a.try(`{"event_type": "` + created + `", "data": ` + string(sample) + `, "metadata": ` + metadata + `, "key_schema_id": 7, "partitions": 12}`)
	require.Empty(t, a.backend.Messages())
	require.Zero(t, a.dispatcher.Stats().Accepted)

	var m signalcast.Metadata
	require.NoError(t, json.Unmarshal([]byte(metadata), &m))
	m.EventType = created
	messages, err := a.dispatcher.Plan(created, sample, signalcast.WithMetadata(m))
	require.NoError(t, err)
	require.Len(t, messages, 1)
	want := messages[0]

	require.Len(t, run.Topics, 2)
	audit, enrollments := run.Topics[0], run.Topics[1]
	require.Equal(t, []any{"prod-audit", false, "disabled"}, []any{audit.Topic, audit.Sent, audit.Why})
	require.Nil(t, audit.Message)
	require.Equal(t, []any{"prod-enrollments", true, "enabled"}, []any{enrollments.Topic, enrollments.Sent, enrollments.Why})
	require.Equal(t, "course-v1:edX+DemoX+2026", enrollments.Message.Key)
	require.Equal(t, hex.EncodeToString(want.Key), enrollments.Message.KeyHex)
	framed := kafkabus.Framed(7, want.Key)
	require.Equal(t, hex.EncodeToString(framed), enrollments.Message.KafkaKey)
	require.Equal(t, kafkabus.Partition(framed, 12), *enrollments.Message.Partition)

	require.Equal(t, hex.EncodeToString(want.Event.Value), run.Event.ValueHex)
	require.JSONEq(t, string(sample), string(run.Event.Value))
	for i, h := range kafkabus.Headers(want.Event) {
		require.Equal(t, field{h.Key, string(h.Value), hex.EncodeToString(h.Value)}, run.Event.KafkaHeaders[i])
	}
	require.Len(t, run.Event.KafkaHeaders, 10)
	e := redis.NewEntry(want)
	var texts []string
	for _, f := range run.Event.RedisEntry[:7] {
		texts = append(texts, f.Text)
	}
	require.Equal(t, []string{e.Type, e.ID, e.Source, e.Time, strconv.FormatInt(e.MinorVersion, 10), e.SourceHost, e.SourceLib}, texts)
	require.Equal(t, field{"event_data", "", hex.EncodeToString(e.EventData)}, run.Event.RedisEntry[7])
	require.Len(t, run.Event.RedisEntry, 8)
}

func TestDryRunReportsFaults(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	require.NotNil(t, a.try(`{"event_type": "`+badge+`", "data": `+a.sample(badge)+`, "metadata": null}`).Event)
	status, answer := a.postAPI("try", `{"event_type": "`+badge+`", "data": {"badge": {"uuid": 5}, "x": 1}}`)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	fields, ok := answer["fields"].([]any)
	require.True(t, ok)
	require.GreaterOrEqual(t, len(fields), 2)
	first, ok := fields[0].(map[string]any)
	require.True(t, ok)
	require.NotZero(t, first["line"])

	for body, text := range map[string]string{
		`{"event_type": "x", "data": {}}`:                                          "not registered",
		`{"event_type": "` + badge + `", "data": {}, "partitions": -1}`:            "partitions: found -1; want 1 to",
		`{"event_type": "` + badge + `", "data": {}, "partitions": 3}`:             "key_schema_id: found none beside partitions",
		`{"event_type": "` + badge + `", "data": {}, "metadata": {"id": "x"}}`:     "metadata: ",
		`{"event_type": "` + badge + `", "data": {}, "metadata": {"minor": true}}`: "metadata: ",
	} {
		status, answer := a.postAPI("try", body)
		require.GreaterOrEqual(t, status, 400, body)
		require.Contains(t, answer["error"], text, body)
	}
}

// The form shows a sample of each event type, which can be published.
func TestDryRunFormHasASampleOfEveryEventType(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	for _, d := range a.registry.Definitions() {
		require.Contains(t, a.get("try?event_type="+d.EventType()), "<textarea id=\"data\"", d.EventType())
		sample, err := a.registry.Sample(d.EventType())
		require.NoError(t, err)
		w := a.post("try", map[string]string{"event_type": d.EventType(), "data": string(sample)})
		require.Equal(t, http.StatusOK, w.Code, d.EventType())
		require.Contains(t, w.Body.String(), "Nothing was sent.", d.EventType())
	}
	w := a.post("try", map[string]string{"event_type": badge, "data": "{}", "partitions": "many"})
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	require.Contains(t, w.Body.String(), "partitions: found")
	require.Contains(t, w.Body.String(), `value="many"`, "the input is kept")
}
