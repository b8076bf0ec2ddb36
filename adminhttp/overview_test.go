package adminhttp_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/openedx"
)

var update = flag.Bool("update", false, "write the golden files")

func TestStateIsOneSentence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAdmin(t, nil)
		require.Equal(t, "Idle.", a.state())
		time.Sleep(11 * time.Second) // a sample
		require.NoError(t, a.send(created))
		require.Equal(t, "Delivering.", a.state())
		require.NoError(t, a.dispatcher.SwitchOff(signalcast.Switch{EventType: badge, Reason: "moved"}))
		require.Equal(t, "Delivering. 1 route switched off.", a.state())
		require.NoError(t, a.dispatcher.SwitchOff(signalcast.Switch{Reason: "incident"}))
		require.Equal(t, "Everything is switched off. 2 routes switched off.", a.state())
		require.NoError(t, a.dispatcher.SwitchOn("", "", "ops"))
		require.NoError(t, a.dispatcher.SwitchOn(badge, "", "ops"))
		a.backend.Inject(memory.Fault{Topic: "prod-badges", Err: os.ErrDeadlineExceeded, Fate: signalcast.FateNotWritten, Times: 1})
		require.Error(t, a.send(badge))
		require.Equal(t, "Delivering. 1 message failed in the last hour.", a.state())
		require.NoError(t, a.dispatcher.Close(t.Context()))
		require.Equal(t, "Closed. Nothing is published.", a.state())
		a.Close()
	})
}

func TestServiceThatPublishesNothingSaysSo(t *testing.T) {
	t.Parallel()
	a := newAdminOf(t, signalcast.ProducerConfig{badge: {"badges": topic(false, "badge.uuid")}}, nil)
	require.Equal(t, "Publishes nothing: no route is enabled.", a.state())
}

// Rates are averages since the last sample but one.
func TestRatesCountTheLastSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAdmin(t, nil)
		require.NoError(t, a.send(created))
		require.Contains(t, a.get(""), `1.0/s <small>now</small></span><span>1.0/s <small>at most</small>`, "the peak is never below the present value")
		time.Sleep(100 * time.Second)
		for range 30 {
			require.NoError(t, a.send(created))
		}
		time.Sleep(5 * time.Second)
		rates, ok := a.api("live")["rates"].(map[string]any)
		require.True(t, ok)
		require.InDelta(t, 2.0, rates["delivered"], 0.001) // 30 in 15 s
		require.Contains(t, a.get(""), `<b data-n="delivered-rate">2.0</b>`)
		history, ok := a.api("overview")["history"].([]any)
		require.True(t, ok)
		require.Len(t, history, 12)
		time.Sleep(2 * time.Hour)
		require.Equal(t, "Idle.", a.state())
		history, ok = a.api("overview")["history"].([]any)
		require.True(t, ok)
		require.Len(t, history, 362, "one hour, and now")
		a.Close()
	})
}

var (
	mapOf   = regexp.MustCompile(`(?s)<div class="map">.*?\n</div>\n<ul class="legend"`)
	address = regexp.MustCompile(`route\?key=[a-z2-7]{8}`)
)

// The map of the Open edX topics, with one topic switched off.
func TestMapIsLaidOut(t *testing.T) {
	t.Parallel()
	c := openedx.DefaultConfig()
	for eventType, topics := range c {
		for name, set := range topics {
			on := strings.Contains(eventType, "xblock") || strings.Contains(eventType, "badge")
			set.Enabled = &on
			topics[name] = set
		}
	}
	a := newAdminOf(t, c, nil)
	require.NoError(t, a.dispatcher.SwitchOff(signalcast.Switch{EventType: badge, Reason: "moved"}))
	page := a.get("")
	drawn := mapOf.FindString(page)
	require.NotEmpty(t, drawn)
	golden := filepath.Join("testdata", "map.html")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(drawn), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), drawn)

	require.Contains(t, page, "55 event types without a topic")
	for _, link := range address.FindAllString(page, -1) {
		require.Contains(t, a.get(link), "Settings by layer", link)
	}
	require.LessOrEqual(t, len(page), 60_000, "of a service with 73 event types")
	require.LessOrEqual(t, len(a.get("api/v1/live")), 30_000)
}

// The query filters and sorts the table of routes.
func TestRoutesAreFilteredAndSorted(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	require.NoError(t, a.send(badge))
	names := func(query string) (list []string) {
		rows, ok := a.api("routes" + query)["routes"].([]any)
		require.True(t, ok)
		for _, row := range rows {
			r, ok := row.(map[string]any)
			require.True(t, ok)
			name, ok := r["topic"].(string)
			require.True(t, ok)
			list = append(list, strings.TrimPrefix(name, "prod-"))
		}
		return list
	}
	require.Equal(t, []string{"badges", "audit", "enrollments"}, names(""))
	require.Equal(t, []string{"audit", "enrollments"}, names("?q=ENROLLMENT"))
	require.Equal(t, []string{"audit"}, names("?state=disabled"))
	require.Equal(t, []string{"badges"}, names("?event_type="+badge))
	require.Equal(t, []string{"enrollments"}, names("?topic=prod-enrollments"))
	require.Equal(t, []string{"audit", "badges", "enrollments"}, names("?sort=topic"))
	require.Equal(t, []string{"badges", "audit", "enrollments"}, names("?sort=sent"))
	require.Empty(t, names("?q=nothing"))
	require.Contains(t, a.get("routes?q=enrollment&sort=topic"), "2 of 3 routes")
}

// Failures are shown in groups, with the meaning of their fates.
func TestFailuresAreShown(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	require.Contains(t, a.get("failures"), "No message has failed.")
	a.backend.Inject(memory.Fault{Err: os.ErrDeadlineExceeded, Fate: signalcast.FateNotWritten, Times: 2})
	require.Error(t, a.send(badge))
	require.Error(t, a.send(badge))
	page := a.get("failures")
	require.Contains(t, page, "certainly not written")
	require.Contains(t, page, "i/o timeout")
	require.Contains(t, page, `<td class="n">2`)
	require.Contains(t, a.get("route?event_type="+badge+"&topic=prod-badges"), "i/o timeout")

	sample, err := a.registry.Sample("org.openedx.learning.course.persistent_grade_summary.changed.v1")
	require.NoError(t, err)
	require.NoError(t, a.registry.SendJSON(t.Context(), "org.openedx.learning.course.persistent_grade_summary.changed.v1", sample))
	require.Contains(t, a.get("failures"), "Events without an enabled topic")
}

func BenchmarkPages(b *testing.B) {
	registry := signalcast.NewRegistry()
	require.NoError(b, registry.Register(openedx.Signals()...))
	d, err := signalcast.NewDispatcher(b.Context(), registry, openedx.DefaultConfig(), memory.New(), signalcast.WithEmptyAllowed())
	require.NoError(b, err)
	h, err := adminhttp.New(adminhttp.Config{Dispatcher: d, Registry: registry, Access: operator})
	require.NoError(b, err)
	b.Cleanup(h.Close)
	for name, page := range map[string]string{"overview": "", "live": "api/v1/live"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				get(b, h, page)
			}
		})
	}
}
