package consume_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

func TestUnusualMessages(t *testing.T) {
	t.Parallel()
	broker := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	const id = "b4d1f2a0-1111-4222-8333-444455556666"
	type metadata = signalcast.Metadata
	for name, c := range map[string]struct {
		change func(m *consume.Message)
		want   string // handled, skipped, or the start of the reason of the dead letter
		check  func(t *testing.T, e metadata)
	}{
		"type missing":        {func(m *consume.Message) { m.Attributes.Type = nil }, "type: found nothing", nil},
		"type not UTF-8":      {func(m *consume.Message) { m.Attributes.Type = []byte{0xff} }, "type: found invalid UTF-8", nil},
		"type unknown":        {func(m *consume.Message) { m.Attributes.Type = []byte("other") }, "skipped", nil},
		"value null":          {func(m *consume.Message) { m.Value = nil }, "skipped", nil},
		"value null, no type": {func(m *consume.Message) { m.Value, m.Attributes = nil, consume.Attributes{} }, "skipped", nil},
		"value empty":         {func(m *consume.Message) { m.Value = []byte{} }, "received data", nil},
		"bytes left":          {func(m *consume.Message) { m.Value = append(m.Value, 1) }, "received data", nil},
		"bytes missing":       {func(m *consume.Message) { m.Value = m.Value[:1] }, "received data", nil},
		"value too large":     {func(m *consume.Message) { m.Value = make([]byte, 101) }, "found event data of 101 bytes", nil},
		"source's error":      {func(m *consume.Message) { m.Err = errFails }, "fails", nil},
		"deliveries":          {func(m *consume.Message) { m.Deliveries = 21 }, "found 21 deliveries", nil},
		"deliveries allowed":  {func(m *consume.Message) { m.Deliveries = 20 }, "handled", nil},
		"id malformed":        {func(m *consume.Message) { m.Attributes.ID = []byte("7") }, "id: found", nil},
		"id missing": {func(m *consume.Message) { m.Attributes.ID = nil }, "handled", func(t *testing.T, e metadata) {
			t.Helper()
			require.NotZero(t, e.ID)
			require.Equal(t, byte('5'), e.ID.String()[14])
		}},
		"id in braces": {func(m *consume.Message) { m.Attributes.ID = []byte("{" + id + "}") }, "handled", func(t *testing.T, e metadata) {
			t.Helper()
			require.Equal(t, id, e.ID.String())
		}},
		"id as URN": {func(m *consume.Message) {
			m.Attributes.ID = []byte("urn:uuid:" + strings.ReplaceAll(id, "-", ""))
		}, "handled", func(t *testing.T, e metadata) {
			t.Helper()
			require.Equal(t, id, e.ID.String())
		}},
		"time missing": {func(m *consume.Message) { m.Attributes.Time = nil }, "handled", func(t *testing.T, e metadata) {
			t.Helper()
			require.Equal(t, broker, e.Time)
		}},
		"time malformed": {func(m *consume.Message) { m.Attributes.Time = []byte("noon") }, "handled", func(t *testing.T, e metadata) {
			t.Helper()
			require.Equal(t, broker, e.Time)
		}},
		"time with offset": {func(m *consume.Message) {
			m.Attributes.Time = []byte("2026-01-02T03:04:05+01:00")
		}, "handled", func(t *testing.T, e metadata) {
			t.Helper()
			require.Equal(t, time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC), e.Time)
		}},
		"time without offset": {func(m *consume.Message) { m.Attributes.Time = []byte("2026-01-02T03:04:05") }, "time: found", nil},
		"others malformed": {func(m *consume.Message) {
			a := &m.Attributes
			a.Source, a.SourceHost, a.SourceLib, a.MinorVersion = []byte{0xff}, []byte{0xff}, []byte("v1"), []byte("-1")
		}, "handled", func(t *testing.T, e metadata) {
			t.Helper()
			require.Equal(t, metadata{ID: e.ID, EventType: eventType, Time: e.Time, FromEventBus: true}, e)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got metadata
				p := begin(t, consume.Config{MaxBytes: 100, Hooks: consume.Hooks{
					Handled: func(_ *consume.Message, e metadata) { got = e },
				}}, true, nil)
				reason := ""
				p.source.published = func(_ string, _ *consume.Message, extra []consume.Field) error {
					reason = extra[0].Value
					return nil
				}
				m := p.message("secret")
				m.Time = broker
				c.change(&m)
				p.feed.Add([]consume.Message{m})
				synctest.Wait()
				_, n := p.feed.Take(nil)
				require.Equal(t, 1, n)
				counts := p.counts()
				switch c.want {
				case "handled":
					require.Equal(t, int64(1), counts.Handled, reason)
					require.True(t, got.FromEventBus)
					if c.check != nil {
						c.check(t, got)
					}
				case "skipped":
					require.Equal(t, int64(1), counts.Skipped, reason)
				default:
					require.Equal(t, int64(1), counts.DeadLettered)
					require.Contains(t, reason, c.want)
					require.NotContains(t, reason, "secret")
				}
				require.NoError(t, p.stop())
			})
		})
	}
}

func TestIDOfAMessageWithoutOneIsTheSameAtEachDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ids := map[signalcast.UUID]int{}
		p := begin(t, consume.Config{Concurrency: 1, Hooks: consume.Hooks{
			Handled: func(_ *consume.Message, e signalcast.Metadata) { ids[e.ID]++ },
		}}, false, nil)
		m, other := p.message("a"), p.message("a")
		m.Attributes.ID, other.Attributes.ID = nil, nil
		p.feed.Add([]consume.Message{m, m, other})
		synctest.Wait()
		require.Len(t, ids, 2)
		require.NoError(t, p.stop())
	})
}

func TestReturnedMessagesAreNotReportedAsSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, consume.Config{}, false, nil)
		require.NoError(t, p.feed.Drain(t.Context()))
		m := p.message("a")
		m.Attributes.Type = []byte("other")
		p.feed.Add([]consume.Message{m})
		require.Equal(t, int64(1), p.counts().Returned)
		require.Empty(t, p.Stats().Skipped)
		require.NoError(t, p.stop())
	})
}
