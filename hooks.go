package signalcast

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// Hooks are functions that a [Dispatcher] calls when something has happened. Each
// may be nil.
//
// A dispatcher calls hooks on the goroutine that learned the outcome, often one of the
// backend, and before it releases callers that wait for the message. So a hook must
// return soon and must not wait for messages (with Send, Flush, Close or Reload). It
// must not keep its arguments, except errors.
//
// A hook that panics is recovered, counted in Stats.Panics and logged. All other
// hooks are called.
//
// A hook that sends events must use SendAsync with a context that has ended: the
// event is accepted if there is room. Waiting for room could block forever, since the room
// of the message that the hook is called for is freed when the hook returns. A Rejected
// hook that sends must ignore events of its own.
type Hooks struct {
	// Delivered is called for each message that the broker acknowledged.
	Delivered func(m *Message, r Receipt)
	// Failed is called for each message that the backend accepted and that failed
	// delivery. The error holds the Message, for publishing it again.
	Failed func(err *DeliveryError)
	// Rejected is called for each message that the backend did not accept. The error
	// holds the Message, for publishing it again.
	Rejected func(err *DeliveryError)
	// Invalid is called for each event that was not published because it
	// cannot be encoded.
	Invalid func(m Metadata, err error)
	// Reloaded is called after each successful Reload.
	Reloaded func(c Change)
	// Switched is called after a switch took effect or ended.
	Switched func(c SwitchChange)
}

// WithHooks adds hooks. It may be given several times: every hook of every set is
// called, in the order of the options.
func WithHooks(h Hooks) DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.hooks = append(o.hooks, h) }}
}

// reportOutcome logs the outcome of s and calls the hooks for it.
func (d *Dispatcher) reportOutcome(s *slot) {
	if s.failure == nil {
		for i := range d.options.hooks {
			if hook := d.options.hooks[i].Delivered; hook != nil {
				d.protect("Delivered", func() { hook(&s.message, s.receipt) })
			}
		}
		return
	}
	d.failures.add(s.failure)
	ctx, attrs := context.Background(), []slog.Attr{
		slog.String("event_type", s.message.Event.EventType), slog.String("event_id", s.message.Event.ID.String()),
		slog.String("topic", s.message.Topic), slog.String("fate", s.failure.Fate.String()), slog.Any("error", s.failure.Err),
	}
	if s.rejected {
		d.options.logger.LogAttrs(ctx, slog.LevelError, "message rejected", attrs...)
	} else {
		d.options.logger.LogAttrs(ctx, slog.LevelError, "message not delivered", attrs...)
	}
	for i := range d.options.hooks {
		name, hook := "Failed", d.options.hooks[i].Failed
		if s.rejected {
			name, hook = "Rejected", d.options.hooks[i].Rejected
		}
		if hook != nil {
			d.protect(name, func() { hook(s.failure) })
		}
	}
}

// reportInvalid logs an event that cannot be encoded and calls the hooks for it.
func (d *Dispatcher) reportInvalid(ctx context.Context, meta *Metadata, err error) {
	d.invalid.Add(1)
	d.options.logger.LogAttrs(ctx, slog.LevelError, "event invalid", slog.String("event_type", meta.EventType),
		slog.String("event_id", meta.ID.String()), slog.Any("error", err))
	for i := range d.options.hooks {
		if hook := d.options.hooks[i].Invalid; hook != nil {
			d.protect("Invalid", func() { hook(*meta, err) })
		}
	}
}

// reportReload logs a new configuration and calls the hooks for it.
func (d *Dispatcher) reportReload(ctx context.Context, t *routeTable, change Change) {
	d.logReload(ctx, t, change)
	for i := range d.options.hooks {
		if hook := d.options.hooks[i].Reloaded; hook != nil {
			d.protect("Reloaded", func() { hook(change) })
		}
	}
}

// protect calls a hook and recovers its panic. The text of the panic is not logged,
// since it may hold event data.
func (d *Dispatcher) protect(name string, hook func()) {
	defer func() {
		if p := recover(); p != nil {
			d.panics.Add(1)
			d.options.logger.LogAttrs(context.Background(), slog.LevelError, "hook panicked",
				slog.String("hook", name), slog.String("panic_type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
		}
	}()
	hook()
}
