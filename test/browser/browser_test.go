package browser_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser is a tab of a browser. The test fails if the console gets a message, the page violates the content security policy, or the tab
// requests anything from another host.
type browser struct {
	t    *testing.T
	tab  context.Context
	site *service

	mu     sync.Mutex
	faults []string
	quiet  bool // faults are expected, so they are ignored
}

// open starts a browser with a tab for the pages of a service.
func open(t *testing.T, site *service) *browser {
	t.Helper()
	allocator, release := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox)...)
	t.Cleanup(release)
	b := &browser{t: t, site: site}
	var leave context.CancelFunc
	b.tab, leave = chromedp.NewContext(allocator)
	t.Cleanup(leave)
	require.NoError(t, chromedp.Do(b.tab)) // the first context must not have a deadline
	require.NoError(t, chromedp.Listen(b.tab, b.listen))
	call(b, cdplog.Enable, cdp.Empty{})
	call(b, network.Enable, network.EnableParams{})
	b.do(chromedp.EmulateViewport(1440, 900))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		require.Empty(t, b.faults)
	})
	return b
}

// listen records the faults among the events of the tab.
func (b *browser) listen(event any) {
	fault := func(format string, args ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !b.quiet {
			b.faults = append(b.faults, fmt.Sprintf(format, args...))
		}
	}
	switch e := event.(type) {
	case *cdplog.EventEntryAdded:
		fault("console: %s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
	case *cdpruntime.EventConsoleAPICalled:
		fault("console: %s", e.Type)
	case *cdpruntime.EventExceptionThrown:
		fault("exception: %s", e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || !strings.HasPrefix(e.Request.URL, b.site.URL+"/") && u.Scheme != "about" {
			fault("request to %s", e.Request.URL)
		}
	}
}

// expectFaults ignores faults until the function that it returns is called.
func (b *browser) expectFaults() (end func()) {
	set := func(quiet bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.quiet = quiet
	}
	set(true)
	return func() { set(false) }
}

// run runs an action and returns its result.
func run[T any](b *browser, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.tab, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	require.NoError(b.t, err)
	return v
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	run(b, chromedp.Steps(steps...))
}

// call calls a command of the DevTools protocol.
func call[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	return run(b, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, command, params) })
}

// open opens a page, such as "routes?q=course".
func (b *browser) open(page string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.site.URL + "/admin/" + page))
}

// eval returns the value of a JavaScript expression.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	return run(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// text returns the text of a part of the page, or "" if the page has no such part.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, `(document.querySelector(`+strconv.Quote(selector)+`) || {}).textContent || ""`)
}

// await waits until a part of the page contains a text.
func (b *browser) await(selector, text string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return strings.Contains(b.text(selector), text) }, patience, 20*time.Millisecond, "%s has no %q", selector, text)
}

// awaitNone waits until a part of the page does not contain a text.
func (b *browser) awaitNone(selector, text string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return !strings.Contains(b.text(selector), text) }, patience, 20*time.Millisecond, "%s has %q", selector, text)
}

// figure returns the figure of the overview with a name.
func (b *browser) figure(name string) int {
	b.t.Helper()
	return asNumber(b.t, b.text(`.figures [data-n="`+name+`"]`))
}

// look sets the width of the window and the colours.
func (b *browser) look(width int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 900))
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

// picture writes the whole page into a file.
func (b *browser) picture(file string) {
	b.t.Helper()
	require.NoError(b.t, os.WriteFile(file, run(b, chromedp.FullScreenshot(100)), 0o600))
}

func asNumber(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSpace(text), ",", ""))
	require.NoError(t, err)
	return n
}

// screen writes the visible part of the page into a file.
func (b *browser) screen(file string) {
	b.t.Helper()
	require.NoError(b.t, os.WriteFile(file, run(b, chromedp.CaptureScreenshot()), 0o600))
}
