package redis_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

// golden is a stream as the reference wrote it.
type golden struct {
	EventType string `json:"event_type"`
	Stream    string `json:"stream"`
	Entries   []struct {
		Sample string `json:"sample"`
		Fields []struct {
			Name string `json:"name"`
			Hex  string `json:"hex"`
		} `json:"fields"`
	} `json:"entries"`
}

func TestCommandsEqualThoseOfTheReference(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", "golden", "redis", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	server := startFake(t, &fake{})
	b := newBackend(t, redis.Config{URL: server.url()})
	var want [][]string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var g golden
		require.NoError(t, json.Unmarshal(text, &g))
		for _, entry := range g.Entries {
			command := []string{"XADD", g.Stream, "MAXLEN", "~", "10000", "*"}
			fields := map[string]string{}
			for _, f := range entry.Fields {
				value, err := hex.DecodeString(f.Hex)
				require.NoError(t, err)
				fields[f.Name] = string(value)
				command = append(command, f.Name, string(value))
			}
			want = append(want, command)
			require.NoError(t, b.Publish(t.Context(), message(t, g.Stream, fields), func(signalcast.Receipt, error) {}))
			flush(t, b)
		}
	}
	require.Equal(t, want, server.received("XADD"))
}

// message returns the message whose entry has these fields.
func message(t *testing.T, stream string, fields map[string]string) *signalcast.Message {
	t.Helper()
	id, err := signalcast.ParseUUID(fields["id"])
	require.NoError(t, err)
	at, err := time.Parse(time.RFC3339Nano, fields["time"])
	require.NoError(t, err)
	minor, err := strconv.ParseInt(fields["minorversion"], 10, 64)
	require.NoError(t, err)
	return &signalcast.Message{Topic: stream, Event: &signalcast.Envelope{
		Metadata: signalcast.Metadata{
			ID: id, EventType: fields["type"], MinorVersion: minor, Source: fields["source"],
			SourceHost: fields["sourcehost"], Time: at.UTC(), SourceLib: fields["sourcelib"],
		},
		Value: []byte(fields["event_data"]),
	}}
}

func TestMaxLenConfiguresTrimming(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		maxLen int64
		want   []string
	}{
		"0 is the length of the reference": {0, []string{"MAXLEN", "~", "10000", "*"}},
		"a length is passed on":            {500, []string{"MAXLEN", "~", "500", "*"}},
		"-1 is no trimming":                {-1, []string{"*"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{})
			b := newBackend(t, redis.Config{URL: server.url(), MaxLen: test.maxLen})
			f := newFates()
			f.publish(t, b, "s", 1, 1)
			flush(t, b)
			command := server.received("XADD")[0]
			require.Equal(t, test.want, command[2:2+len(test.want)])
		})
	}
}

func TestTraceFollowsTheEventData(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	server := startFake(t, &fake{})
	b := newBackend(t, redis.Config{URL: server.url(), MaxLen: -1})
	var commands [][]string
	for n, trace := range []*signalcast.TraceContext{nil, {TraceParent: parent}, {TraceParent: parent, TraceState: "a=b"}} {
		m := newMessage("s", n)
		m.Trace = trace
		require.NoError(t, b.Publish(t.Context(), m, func(signalcast.Receipt, error) {}))
		flush(t, b)
		commands = server.received("XADD")
		entry := redis.NewEntry(m)
		if trace != nil {
			require.Equal(t, trace.TraceParent, entry.TraceParent)
			require.Equal(t, trace.TraceState, entry.TraceState)
		}
	}
	require.Equal(t, []string{"event_data", "0"}, commands[0][len(commands[0])-2:])
	require.Equal(t, []string{"event_data", "1", "traceparent", parent}, commands[1][len(commands[1])-4:])
	require.Equal(t, []string{"event_data", "2", "traceparent", parent, "tracestate", "a=b"}, commands[2][len(commands[2])-6:])
}
