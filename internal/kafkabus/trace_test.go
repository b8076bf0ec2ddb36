package kafkabus_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestTraceFollowsTheOtherHeaders(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		for _, trace := range []*signalcast.TraceContext{nil, {TraceParent: parent}, {TraceParent: parent, TraceState: "a=b"}, nil} {
			m := plain.message("topic", "key", 1)
			m.Trace = trace
			delivered(t, publish(t, b, m))
		}
		records := cluster.Read(t, "topic")
		require.Len(t, records[0].Headers, 10)
		require.Equal(t, []kgo.RecordHeader{{Key: "traceparent", Value: []byte(parent)}}, records[1].Headers[10:])
		require.Equal(t, []kgo.RecordHeader{{Key: "traceparent", Value: []byte(parent)}, {Key: "tracestate", Value: []byte("a=b")}}, records[2].Headers[10:])
		require.Len(t, records[3].Headers, 10)
	})
}
