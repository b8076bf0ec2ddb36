package signalcast_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

type traceKey struct{}

func TestMessagesCarryTheTraceOfTheSender(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"}, signalcast.WithDeadLetter("dead"), signalcast.WithTraceContext(
		func(ctx context.Context) *signalcast.TraceContext {
			trace, _ := ctx.Value(traceKey{}).(*signalcast.TraceContext)
			return trace
		}))
	trace := &signalcast.TraceContext{TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	require.NoError(t, s.send(t, order{}))
	s.backend.Inject(memory.Fault{Topic: "b", Err: failing.Err})
	require.Error(t, s.placed.Send(context.WithValue(t.Context(), traceKey{}, trace), s.registry, order{}))
	messages := s.backend.Messages()
	require.Equal(t, []string{"a", "b", "a", "b-dead"}, topicsOf(messages))
	require.Nil(t, messages[0].Trace)
	require.Nil(t, messages[1].Trace)
	require.Equal(t, trace, messages[2].Trace)
	require.Equal(t, trace, messages[3].Trace)
}
