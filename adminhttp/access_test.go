package adminhttp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/adminhttp"
)

func local(c *adminhttp.Config) { c.Access = nil }

func TestWithoutAccessOnlyThisMachineMayView(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, local)
	for name, test := range map[string]struct {
		peer, host, header string
		status             int
	}{
		"loopback":               {"127.0.0.1:1", "localhost:8080", "", http.StatusOK},
		"loopback of IPv6":       {"[::1]:1", "[::1]:8080", "", http.StatusOK},
		"mapped":                 {"[::ffff:127.0.0.1]:1", "127.0.0.1", "", http.StatusOK},
		"another machine":        {"10.0.0.7:1", "localhost", "", http.StatusForbidden},
		"a rebound name":         {"127.0.0.1:1", "evil.example", "", http.StatusForbidden},
		"a name that looks safe": {"127.0.0.1:1", "localhost.evil.example", "", http.StatusForbidden},
		"a proxy":                {"127.0.0.1:1", "localhost", "X-Forwarded-For", http.StatusForbidden},
		"a standard proxy":       {"127.0.0.1:1", "localhost", "Forwarded", http.StatusForbidden},
		"no address":             {"@", "localhost", "", http.StatusForbidden},
	} {
		for _, page := range []string{"", "admin.js", "api/v1/live"} {
			w := a.do(http.MethodGet, page, "", func(r *http.Request) {
				r.RemoteAddr, r.Host = test.peer, test.host
				if test.header != "" {
					r.Header.Set(test.header, "10.0.0.7")
				}
			})
			require.Equal(t, test.status, w.Code, "%s: %s", name, page)
		}
	}
}

func TestWithoutAccessNothingIsSwitched(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, local)
	require.Equal(t, http.StatusForbidden, a.post("switches", map[string]string{"topic": "prod-badges", "reason": "x"}).Code)
	status, answer := a.postAPI("switch-off", `{"topic": "prod-badges", "reason": "x"}`)
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, "access denied: viewing only; want Access.Operate", answer["error"])
	require.Empty(t, a.dispatcher.Switches())
	require.NotContains(t, a.get("switches"), "<button class=\"danger\"")
}

func TestAccessDecides(t *testing.T) {
	t.Parallel()
	var access adminhttp.Access
	calls := 0
	a := newAdmin(t, func(c *adminhttp.Config) {
		c.Access = func(*http.Request) adminhttp.Access { calls++; return access }
	})
	get := func() int {
		return a.do(http.MethodGet, "", "", func(r *http.Request) { r.RemoteAddr = "10.0.0.7:1" }).Code
	}
	off := func() int { return a.post("switches", map[string]string{"topic": "prod-badges", "reason": "x"}).Code }
	require.Equal(t, http.StatusForbidden, get())
	access = adminhttp.Access{Operate: true}
	require.Equal(t, http.StatusForbidden, get(), "Operate has no effect without View")
	require.Equal(t, http.StatusForbidden, off())
	access = adminhttp.Access{View: true}
	require.Equal(t, http.StatusOK, get())
	require.Equal(t, http.StatusForbidden, off())
	require.Empty(t, a.dispatcher.Switches())
	access = adminhttp.Access{View: true, Operate: true, User: "ops"}
	require.Equal(t, http.StatusSeeOther, off())
	require.Equal(t, "ops", a.dispatcher.Switches()[0].By)
	require.Equal(t, 6, calls, "once for each request")
}

func TestPostsOfOtherSitesAreDenied(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	const form = "topic=prod-badges&reason=x"
	for name, set := range map[string]func(*http.Request){
		"Sec-Fetch-Site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"Origin":         func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
	} {
		require.Equal(t, http.StatusForbidden, a.do(http.MethodPost, "switches", form, set).Code, name)
	}
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded"} {
		w := a.do(http.MethodPost, "api/v1/switch-off", `{"topic": "prod-badges", "reason": "x"}`, func(r *http.Request) { r.Header.Set("Content-Type", contentType) })
		require.Equal(t, http.StatusUnsupportedMediaType, w.Code, contentType)
	}
	require.Empty(t, a.dispatcher.Switches())
}

func TestLargeBodiesAreDenied(t *testing.T) {
	t.Parallel()
	a := newAdmin(t, nil)
	large := `{"event_type": "` + strings.Repeat("x", 1<<20) + `"}`
	for _, known := range []int64{int64(len(large)), -1} {
		w := a.do(http.MethodPost, "api/v1/try", large, func(r *http.Request) { r.ContentLength = known })
		require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
		w = a.do(http.MethodPost, "try", "data="+large, func(r *http.Request) { r.ContentLength = known })
		require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	}
	for body, text := range map[string]string{"{": "unexpected EOF", "{} {}": "found text after the object", `{"x": 1}`: `unknown field "x"`} {
		status, answer := a.postAPI("try", body)
		require.Equal(t, http.StatusBadRequest, status)
		require.Contains(t, answer["error"], text)
	}
}
