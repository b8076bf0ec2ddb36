// Package safelog keeps a panic in a log handler from ending the process.
package safelog

import (
	"context"
	"log/slog"
)

// New returns a logger that writes to l's handler and recovers its panics. A record whose
// handling panicked is lost. onPanic, unless nil, is called after each
// recovered panic. It must be safe for concurrent use and must not log. A nil l gives a logger
// that discards everything.
func New(l *slog.Logger, onPanic func()) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	if onPanic == nil {
		onPanic = func() {}
	}
	return slog.New(handler{l.Handler(), onPanic})
}

type handler struct {
	next    slog.Handler
	onPanic func()
}

func (h handler) recover() {
	if recover() != nil {
		h.onPanic()
	}
}

func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	defer h.recover()
	return h.next.Enabled(ctx, level)
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	defer h.recover()
	return h.next.Handle(ctx, r) //nolint:wrapcheck // a handler in front of another
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func() slog.Handler { return h.next.WithAttrs(attrs) })
}

func (h handler) WithGroup(name string) slog.Handler {
	return h.with(func() slog.Handler { return h.next.WithGroup(name) })
}

// with returns a handler around the result of derive, or h if derive panics.
func (h handler) with(derive func() slog.Handler) slog.Handler {
	derived := h
	func() {
		defer h.recover()
		derived.next = derive()
	}()
	return derived
}
