package backendkit

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"

	"github.com/signalcast/signalcast/internal/safelog"
)

// Log is the logger of a backend. A backend embeds a *Log to have the method UseLogger. A
// Log is safe for concurrent use.
//
// A panic of the log handler or of a callback given to Protect does not end the process. It
// is counted, see Panics.
type Log struct {
	own    bool
	logger atomic.Pointer[slog.Logger]
	panics atomic.Int64
}

// NewLog returns a Log that writes to own, or, if own is nil, to the logger of
// the dispatcher once UseLogger is called.
func NewLog(own *slog.Logger) *Log {
	l := &Log{own: own != nil}
	l.logger.Store(safelog.New(own, func() { l.panics.Add(1) }))
	return l
}

// UseLogger sets the logger if the Log has none of its own. A [signalcast.Dispatcher] calls it.
func (l *Log) UseLogger(logger *slog.Logger) {
	if !l.own {
		l.logger.Store(safelog.New(logger, func() { l.panics.Add(1) }))
	}
}

// Logger returns the logger. It is never nil.
func (l *Log) Logger() *slog.Logger { return l.logger.Load() }

// Panics returns the number of recovered panics.
func (l *Log) Panics() int64 { return l.panics.Load() }

// Protect calls a callback of the user, which has the given name in the configuration, and
// recovers its panic. The text of the panic is not logged, since it may hold event data.
func (l *Log) Protect(callback string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			l.panics.Add(1)
			l.Logger().LogAttrs(context.Background(), slog.LevelError, "callback panicked", slog.String("callback", callback),
				slog.String("panic_type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
		}
	}()
	f()
}
