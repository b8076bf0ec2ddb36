package browser_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/adminhttp"
)

// A form of another site cannot switch routes off. The browser sends it, and the handler denies it.
func TestFormOfAnotherSiteIsDenied(t *testing.T) {
	t.Parallel()
	s := startService(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><title>other</title><form method="post" action="`+s.URL+`/admin/switches">
			<input name="reason" value="a trick"><input name="confirm" value="everything"><button>Win</button></form>`)
	}))
	t.Cleanup(other.Close)
	b := open(t, s)
	b.expectFaults()
	b.do(chromedp.Navigate(other.URL), chromedp.Click(chromedp.CSS("button")))
	b.await("body", "access denied")
	require.Empty(t, s.dispatcher.Switches())
}

// Without Access, the page is for this machine alone, and for a loopback name in the Host header.
func TestAccessIsForThisMachine(t *testing.T) {
	t.Parallel()
	s := startService(t)
	admin, err := adminhttp.New(adminhttp.Config{Dispatcher: s.dispatcher, Registry: s.registry})
	require.NoError(t, err)
	t.Cleanup(admin.Close)
	local := httptest.NewServer(admin)
	t.Cleanup(local.Close)
	status := func(method, address, host string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader("reason=x&confirm=everything"))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if host != "" {
			r.Host = host
		}
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	require.Equal(t, http.StatusOK, status(http.MethodGet, local.URL+"/", ""))
	require.Equal(t, http.StatusForbidden, status(http.MethodGet, local.URL+"/", "rebound.example"))
	require.Equal(t, http.StatusForbidden, status(http.MethodPost, local.URL+"/switches", ""))
	require.Equal(t, http.StatusForbidden, status(http.MethodGet, s.URL+"/admin/?as=stranger", ""))
	require.Equal(t, http.StatusForbidden, status(http.MethodPost, s.URL+"/admin/switches?as=viewer", ""))
	require.Empty(t, s.dispatcher.Switches())
}

// Shutdown of the server does not wait for ten open pages.
func TestShutdownDoesNotWaitForPages(t *testing.T) {
	t.Parallel()
	s := startService(t)
	first := open(t, s)
	first.expectFaults() // the server ends
	for range 10 {
		tab, leave := chromedp.NewContext(first.tab)
		t.Cleanup(leave)
		b := &browser{t: t, site: s, tab: tab}
		require.NoError(t, chromedp.Do(b.tab))
		b.open("")
		b.await("#state", "Idle.")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	require.NoError(t, s.Config.Shutdown(ctx))
	require.Less(t, time.Since(began), 2*time.Second)
}
