package browser_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// pages returns the addresses of all pages.
func (s *service) pages() []string {
	return []string{
		"", "routes", "route?event_type=" + enroll + "&topic=" + s.stream(enroll), "failures", "try?event_type=" + enroll,
		"switches", "configuration", "outbox", "consumers",
	}
}

// axe-core finds no fault on any page, in light and dark, and no page is wider than the screen of a phone.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	path := os.Getenv("SIGNALCAST_TEST_AXE")
	require.NotEmpty(t, path, "SIGNALCAST_TEST_AXE is not set; run test/browser/run.sh")
	axe, err := os.ReadFile(path)
	require.NoError(t, err)
	s := startService(t)
	require.NoError(t, s.switchOff(badge))
	s.send(enroll, 20*time.Millisecond)
	b := open(t, s)
	for _, scheme := range []string{"light", "dark"} {
		b.look(360, scheme)
		for _, page := range s.pages() {
			b.open(page)
			eval[chromedp.Void](b, string(axe))
			found := eval[[]string](b, `axe.run({resultTypes: ["violations"]}).then((r) => r.violations.map((v) =>
				v.id + ": " + v.help + ": " + v.nodes.map((n) => n.html).join(" ")))`)
			require.Empty(t, found, "%q, %s", page, scheme)
			require.LessOrEqual(t, eval[int](b, `document.documentElement.scrollWidth`), 360, "%q", page)
		}
	}
}

func TestFilterSurvivesReload(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s)
	b.open("routes")
	b.do(chromedp.SendKeys(chromedp.CSS("#q"), "exam"), chromedp.Submit(chromedp.CSS("#q")))
	b.await("#list", "5 of 20 routes")
	rows := func() int { return eval[int](b, `document.querySelectorAll("table.routes tbody tr").length`) }
	require.Equal(t, 5, rows())
	b.do(chromedp.Reload())
	require.Equal(t, 5, rows())
	require.Equal(t, "exam", run(b, chromedp.Value(chromedp.CSS("#q"))))
	require.Contains(t, run(b, chromedp.Location()), "q=exam")
}

// The figures of an open page change without a reload.
func TestFiguresMove(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s)
	b.open("")
	eval[bool](b, `window.notReloaded = true`)
	b.await("#state", "Idle.")
	s.send(enroll, 5*time.Millisecond)
	b.await("#state", "Delivering.")
	require.Eventually(t, func() bool { return b.figure("sent") > 10 }, patience, 20*time.Millisecond)
	b.await(`.map .delivering[role="listitem"]`, "course.enrollment.created.v1")
	require.True(t, eval[bool](b, `window.notReloaded`))
}

// Every page and form works without JavaScript.
func TestPagesWorkWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := startService(t)
	b := open(t, s)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	for _, page := range s.pages() {
		b.open(page)
		require.Contains(t, b.html("#state"), "Idle.", page)
	}
	b.open("try?event_type=" + enroll)
	b.do(chromedp.Click(chromedp.CSS(`form[method="post"] button`)), chromedp.WaitVisible(chromedp.CSS("#result")))
	require.Contains(t, b.html("main"), s.stream(enroll))
	b.open("route?event_type=" + enroll + "&topic=" + s.stream(enroll))
	b.do(chromedp.SendKeys(chromedp.CSS("#reason"), "an incident"), chromedp.Click(chromedp.CSS("button.danger")), chromedp.WaitVisible(chromedp.CSS(".cards .card")))
	require.Len(t, s.dispatcher.Switches(), 1)
	require.Equal(t, "ops", s.dispatcher.Switches()[0].By)
	b.do(chromedp.Click(chromedp.CSS(".cards button")), chromedp.WaitVisible(chromedp.CSS("#list .empty")))
	require.Empty(t, s.dispatcher.Switches())
	b.open("configuration")
	b.do(chromedp.Click(chromedp.CSS("main button")), chromedp.WaitVisible(chromedp.CSS(`[role="status"].note`)))
}

// html returns the HTML of a part of the page. It works without JavaScript.
func (b *browser) html(selector string) string {
	b.t.Helper()
	return run(b, chromedp.InnerHTML(chromedp.CSS(selector)))
}

// focus presses the tab key until the element has a visible focus.
func (b *browser) focus(selector string) {
	b.t.Helper()
	for range 200 {
		b.do(chromedp.KeyEvent("\t"))
		if eval[bool](b, `document.activeElement.matches(`+strconv.Quote(selector)+`)`) {
			visible := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`)
			require.NotEqual(b.t, "none", visible, "the focus is not visible")
			return
		}
	}
	b.t.Fatalf("the tab key does not reach %s", selector)
}

// press types keys into the element that has the focus.
func (b *browser) press(keys ...string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(strings.Join(keys, "")))
}
