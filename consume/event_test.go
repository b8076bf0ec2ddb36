package consume_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

// handleOne gives a message to a consumer and returns its event, or the reason why it was dropped.
func handleOne(t *testing.T, m consume.Message, config consume.Config) (meta signalcast.Metadata, handled bool, fault error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(false)
		config.OnFailure = consume.Drop
		config.Hooks.Dropped = func(_ *consume.Message, err error) { fault = err }
		r := start(t, s, config, func(_ context.Context, e signalcast.Event[changed]) error {
			meta, handled = e.Metadata, true
			return nil
		})
		s.feed.Add([]consume.Message{m})
		synctest.Wait()
		r.stop(t)
	})
	return meta, handled, fault
}

func TestAttributesBecomeMetadata(t *testing.T) {
	t.Parallel()
	m := message("a", 1)
	m.Attributes.ID = []byte("{A3D4CF8C000011F08000000000000000}")
	m.Attributes.Time = []byte("2026-01-02T03:04:05.678901+01:00")
	m.Attributes.Source, m.Attributes.SourceHost = []byte("openedx/lms/web"), []byte("host")
	m.Attributes.SourceLib, m.Attributes.MinorVersion = []byte("11.2.0"), []byte("3")
	meta, handled, _ := handleOne(t, m, consume.Config{})
	require.True(t, handled)
	id, err := signalcast.ParseUUID("a3d4cf8c-0000-11f0-8000-000000000000")
	require.NoError(t, err)
	require.Equal(t, signalcast.Metadata{
		ID: id, EventType: orderChanged.EventType(), MinorVersion: 3, Source: "openedx/lms/web", SourceHost: "host", SourceLib: "11.2.0",
		Time: time.Date(2026, 1, 2, 2, 4, 5, 678901000, time.UTC), FromEventBus: true,
	}, meta)
}

// Attributes that are missing or not readable are set from the message, or are empty.
func TestMissingAttributesAreNoFault(t *testing.T) {
	t.Parallel()
	m := message("a", 1)
	m.Time = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	m.Attributes.Time, m.Attributes.Source = []byte("yesterday"), []byte("\xff\xfe")
	m.Attributes.SourceLib, m.Attributes.MinorVersion = []byte("v1.0"), []byte("x")
	meta, handled, _ := handleOne(t, m, consume.Config{})
	require.True(t, handled)
	require.Equal(t, m.Time, meta.Time)
	require.Empty(t, meta.Source+meta.SourceLib)
	require.Zero(t, meta.MinorVersion)
	again, _, _ := handleOne(t, m, consume.Config{})
	require.Equal(t, meta.ID, again.ID, "the same at each delivery")
	m.Offset = 2
	other, _, _ := handleOne(t, m, consume.Config{})
	require.NotEqual(t, meta.ID, other.ID)
}

func TestUnreadableMessagesAreNotHandled(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*consume.Message){
		"type: found nothing":                  func(m *consume.Message) { m.Attributes.Type = nil },
		"type: found invalid UTF-8":            func(m *consume.Message) { m.Attributes.Type = []byte("\xff") },
		"id: found text of another form":       func(m *consume.Message) { m.Attributes.ID = []byte("hidden-secret") },
		"time: found a time without an offset": func(m *consume.Message) { m.Attributes.Time = []byte("2026-01-02T03:04:05") },
		"found event data of 100 bytes":        func(m *consume.Message) { m.Value = make([]byte, 100) },
		"received data of":                     func(m *consume.Message) { m.Value = append(m.Value, 0) },
		"found 21 deliveries":                  func(m *consume.Message) { m.Deliveries = 21 },
		"header x: found two":                  func(m *consume.Message) { m.Err = errors.New("header x: found two; want one") },
	} {
		m := message("a", 1)
		change(&m)
		_, handled, fault := handleOne(t, m, consume.Config{MaxBytes: 50})
		require.False(t, handled, want)
		require.ErrorContains(t, fault, want)
		require.NotContains(t, fault.Error(), "hidden-secret")
	}
}

func TestEventsWithoutReceiversAreSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(true)
		skipped := 0
		r := start(t, s, consume.Config{Hooks: consume.Hooks{Skipped: func(*consume.Message) { skipped++ }}})
		unknown, empty := message("a", 2), message("a", 3)
		unknown.Attributes.Type, empty.Value = []byte("org.example.unknown.v1"), nil
		s.feed.Add([]consume.Message{message("a", 1), unknown, empty})
		require.Equal(t, []int64{3}, s.taken())
		require.Equal(t, map[string]int64{orderChanged.EventType(): 1, "org.example.unknown.v1": 1}, r.Stats().Skipped)
		require.Equal(t, 3, skipped)
		r.stop(t)
	})
	synctest.Test(t, func(t *testing.T) { // Handle alone changes nothing
		s, calls := newScript(true), 0
		handle := func(context.Context, *signalcast.Received) error { calls++; return nil }
		r := start(t, s, consume.Config{Handle: handle})
		s.feed.Add([]consume.Message{message("a", 1)})
		require.Equal(t, []int64{1}, s.taken())
		require.Zero(t, calls)
		r.stop(t)
		s = newScript(true)
		r = start(t, s, consume.Config{Handle: handle, HandleAll: true})
		s.feed.Add([]consume.Message{message("a", 1)})
		synctest.Wait()
		require.Equal(t, []int64{1}, s.taken())
		require.Equal(t, 1, calls)
		r.stop(t)
	})
	m := message("a", 1)
	m.Attributes.Type = []byte("org.example.unknown.v1")
	_, _, fault := handleOne(t, m, consume.Config{FailUnknown: true})
	require.ErrorContains(t, fault, "found an event type that is not registered")
}

// The configuration of the producers gives messages without keys their lanes.
func TestKeysComeFromTheData(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, keys := range []signalcast.ProducerConfig{nil, {orderChanged.EventType(): {"orders": {EventKeyField: new("key")}}}} {
			s, g := newScript(false), newGate(1)
			r := start(t, s, consume.Config{Keys: keys}, g.receive)
			one, two := message("a", 1), message("b", 2)
			one.Key, two.Key = nil, nil
			s.feed.Add([]consume.Message{one, two})
			synctest.Wait()
			want := int64(0) // one lane
			if keys != nil {
				want = 1
			}
			require.Equal(t, want, r.counts().Handled)
			close(g.open[1])
			synctest.Wait()
			require.EqualValues(t, 2, r.counts().Handled)
			r.stop(t)
		}
	})
}

func TestLogsHaveNoEventData(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := newScript(false)
		r := start(t, s, consume.Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), Concurrency: 1}, func(_ context.Context, e signalcast.Event[changed]) error {
			switch e.Data.N {
			case 1:
				panic(e.Data.Key)
			case 2:
				return consume.ErrPermanent
			}
			return nil
		})
		cut := message("hidden-secret", 3)
		cut.Value = cut.Value[:5]
		s.feed.Add([]consume.Message{message("hidden-secret", 2), cut, message("hidden-secret", 1)})
		synctest.Wait()
		r.stop(t)
		require.Contains(t, log.String(), "message dead-lettered")
		require.Contains(t, log.String(), "message failed, retrying")
		require.NotContains(t, log.String(), "hidden-secret")
	})
}
