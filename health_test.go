package signalcast_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// away is a backend whose broker is away, as it reports itself.
type away struct{ *memory.Backend }

var errRefused = errors.New("dial 127.0.0.1:9092: connection refused")

func (away) Troubles() []signalcast.Trouble {
	return []signalcast.Trouble{{Topic: "orders", Since: noon, Err: errRefused}}
}

// wrapper is a backend that wraps another one.
type wrapper struct{ signalcast.Backend }

func (w wrapper) Unwrap() signalcast.Backend { return w.Backend }

func TestPendingMessageNamesTheLastAttempt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.backend.Hold()
	s.dispatch(t, ordersTo("orders"), wrapper{away{s.backend}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := s.placed.Send(ctx, s.registry, order{})
	failure := deliveryError(t, err)
	require.Equal(t, signalcast.FatePending, failure.Fate)
	require.EqualError(t, failure.Err, "context deadline exceeded; last attempt: dial 127.0.0.1:9092: connection refused")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, errRefused)
}

func TestRejectedMessageNamesTheLastAttempt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options []memory.Option
		want    string
	}{
		"when a full buffer blocks":     {nil, "waiting for room in the buffer (1 messages, 0 bytes): context deadline exceeded"},
		"when a full buffer fails fast": {[]memory.Option{memory.FailFast()}, "buffer is full (1 messages, 0 bytes)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.backend = memory.New(append(c.options, memory.WithBuffer(1, 0))...)
			s.backend.Hold()
			s.dispatch(t, ordersTo("orders"), away{s.backend}, signalcast.WithCodec(empty{}))
			s.sendAsync(t, order{})
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err := s.placed.SendAsync(ctx, s.registry, order{})
			require.ErrorIs(t, err, signalcast.ErrBufferFull)
			require.EqualError(t, deliveryError(t, err).Err,
				"memory: key and value of 0 bytes: "+c.want+"; last attempt: dial 127.0.0.1:9092: connection refused")
		})
	}
}

// empty is a codec that writes nothing.
type empty struct{}

func (empty) ContentType() string                                       { return "text/plain" }
func (empty) Compile(signalcast.Definition) (signalcast.Encoder, error) { return empty{}, nil }
func (empty) ValueSchema() *signalcast.Schema                           { return nil }
func (empty) KeySchema(*signalcast.KeyField) *signalcast.Schema         { return nil }
func (empty) AppendValue(b []byte, _ signalcast.Data) ([]byte, error)   { return b, nil }
func (empty) AppendKey(b []byte, _ *signalcast.KeyField, _ signalcast.Data) ([]byte, error) {
	return b, nil
}

func TestHealthShowsBuffersTroublesAndSwitches(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.backend = memory.New(memory.WithBuffer(10, 1000))
	spare := memory.New(memory.WithBuffer(20, 2000))
	d := s.dispatch(t, ordersTo("orders"), wrapper{s.backend}, signalcast.WithDeadLetter("dead"), signalcast.WithDeadLetterBackend(wrapper{spare}))
	require.Equal(t, signalcast.Health{
		Buffer: signalcast.BufferUsage{MaxMessages: 10, MaxBytes: 1000}, DeadLetterBuffer: signalcast.BufferUsage{MaxMessages: 20, MaxBytes: 2000},
	}, d.Health())

	s.backend.Hold()
	s.sendAsync(t, order{})
	require.NoError(t, d.SwitchOff(signalcast.Switch{Reason: "test"}))
	h := d.Health()
	require.Equal(t, int64(1), h.Pending)
	require.Equal(t, 1, h.Buffer.Messages)
	require.Positive(t, h.Buffer.Bytes)
	require.Len(t, h.Switches, 1)
	require.Len(t, h.Troubles, 1)
	require.Empty(t, h.Troubles[0].Topic)
	require.ErrorContains(t, h.Troubles[0].Err, "the broker hangs")

	s.backend.Release()
	require.NoError(t, d.Close(t.Context()))
	h = d.Health()
	require.True(t, h.Closed)
	require.Empty(t, h.Troubles)
}

func TestHealthOfABackendWithoutOptionalMethods(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	d := s.dispatch(t, ordersTo("orders"), wrapper{backend{}})
	require.Zero(t, d.Health())
}

func TestFailuresAreGrouped(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"})
	for port := range 3 {
		s.backend.Inject(memory.Fault{Topic: "a", Times: 1, Err: fmt.Errorf("read 127.0.0.1:%d: reset", 50000+port)})
		require.Error(t, s.send(t, order{Number: "s3cret"}))
	}
	s.backend.Inject(memory.Fault{Topic: "b", Err: errRefused, Fate: signalcast.FateNotWritten})
	last := signalcast.NewUUID()
	require.Error(t, s.send(t, order{Number: "s3cret"}, signalcast.WithMetadata(signalcast.Metadata{
		ID: last, EventType: orderPlaced, Time: noon, SourceLib: "1.2.3",
	})))
	failures := s.dispatcher.Failures()
	require.Len(t, failures, 2)
	for i := range failures {
		require.False(t, failures[i].First.After(failures[i].Last))
		failures[i].First, failures[i].Last = time.Time{}, time.Time{}
	}
	require.Equal(t, signalcast.Failure{Topic: "b", Fate: signalcast.FateNotWritten, Err: errRefused.Error(), Count: 1, LastEventID: last}, failures[0])
	require.Equal(t, "read 127.0.0.1:50002: reset", failures[1].Err)
	require.Equal(t, int64(3), failures[1].Count)
	require.NotContains(t, fmt.Sprint(failures), "s3cret")
}

func TestFailuresAreBounded(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	text := make([]byte, 10_000)
	for i := range text {
		text[i] = 'x'
	}
	for i := range 100 {
		s.backend.Inject(memory.Fault{Times: 1, Err: errors.New(string(rune('A'+i)) + string(text))})
		require.Error(t, s.send(t, order{}))
	}
	failures := s.dispatcher.Failures()
	require.Len(t, failures, 64)
	require.Equal(t, rune('A'+99), []rune(failures[0].Err)[0], "the latest is first")
	require.Less(t, len(failures[0].Err), 600)
}

func TestFailureWithoutACauseIsCounted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	d := s.dispatch(t, ordersTo("orders"), backend{
		publish: func(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
			done(signalcast.Receipt{}, &signalcast.DeliveryError{Fate: signalcast.FateNotWritten})
			return nil
		},
	})
	require.Error(t, s.send(t, order{}))
	require.Equal(t, "the backend gave no cause", d.Failures()[0].Err)
}
