package adminhttp_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A switch is in effect before the response. It has the name of the user, and the page shows the configuration for all replicas.
func TestSwitchOffAndOn(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	w := a.post("switches", map[string]string{"event_type": badge, "reason": " moved ", "for": "15m", "action": "off"})
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "switches", w.Header().Get("Location"))
	require.NoError(t, a.send(badge))
	require.Empty(t, a.backend.Messages())
	s := a.dispatcher.Switches()[0]
	require.Equal(t, []string{badge, "", "moved", "ops"}, []string{s.EventType, s.Topic, s.Reason, s.By})
	require.InDelta(t, 15*time.Minute, time.Until(s.Until), float64(time.Minute))

	page := a.get("switches")
	require.Contains(t, page, badge+":\n  badges:\n    enabled: false\n")
	require.Contains(t, page, "1 route off")
	require.Contains(t, a.get("route?event_type="+badge+"&topic=prod-badges"), "moved")

	w = a.post("switches", map[string]string{"action": "on", "event_type": badge})
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.NoError(t, a.send(badge))
	require.Len(t, a.backend.Messages(), 1)
}

// The form shows each error beside its field.
func TestSwitchReportsFaults(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	for name, test := range map[string]struct {
		form map[string]string
		text string
	}{
		"no reason":      {map[string]string{"topic": "prod-badges"}, "reason"},
		"unknown topic":  {map[string]string{"topic": "prod-badge", "reason": "x"}, "prod-badges"},
		"all":            {map[string]string{"reason": "x"}, "the word &#34;everything&#34;"},
		"bad duration":   {map[string]string{"topic": "prod-badges", "reason": "x", "for": "soon"}, "a positive one such as"},
		"long reason":    {map[string]string{"topic": "prod-badges", "reason": strings.Repeat("ä", 501)}, "reason: found 501 characters; want at most 500"},
		"no such switch": {map[string]string{"topic": "prod-badges", "action": "on"}, "prod-badges"},
	} {
		w := a.post("switches", test.form)
		require.Equal(t, http.StatusUnprocessableEntity, w.Code, name)
		require.Contains(t, w.Body.String(), `class="fault"`, name)
		require.Contains(t, w.Body.String(), test.text, name)
	}
	require.Empty(t, a.dispatcher.Switches())
	require.Equal(t, http.StatusSeeOther, a.post("switches", map[string]string{"reason": "x", "confirm": "everything"}).Code)
	require.Len(t, a.dispatcher.Switches(), 1)
}

func TestSwitchAPI(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAdmin(t, nil)
		status, answer := a.postAPI("switch-off", `{"topic": "prod-badge", "reason": "x"}`)
		require.Equal(t, http.StatusUnprocessableEntity, status)
		require.Equal(t, "topic", answer["setting"])
		require.Equal(t, "prod-badges", answer["nearest"])
		status, answer = a.postAPI("switch-off", `{"topic": "prod-badges", "reason": "x", "for": "1m"}`)
		require.Equal(t, http.StatusOK, status)
		require.Len(t, answer["switches"], 1)
		time.Sleep(61 * time.Second)
		require.Empty(t, a.api("switches")["switches"])
		_, _ = a.postAPI("switch-off", `{"topic": "prod-badges", "reason": "x"}`)
		status, answer = a.postAPI("switch-on", `{"topic": "prod-badges"}`)
		require.Equal(t, http.StatusOK, status)
		require.Empty(t, answer["switches"])
		require.NoError(t, a.dispatcher.Close(t.Context()))
		status, _ = a.postAPI("switch-off", `{"topic": "prod-badges", "reason": "x"}`)
		require.Equal(t, http.StatusConflict, status)
		a.Close()
	})
}
