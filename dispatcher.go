package signalcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast/internal/closing"
	"github.com/signalcast/signalcast/internal/safelog"
)

// Dispatcher publishes the events of a registry as its configuration says. It is the one
// generic handler of all event types: it looks up the routes of an event, encodes the data
// once, reads the key of each topic, and publishes one message per topic to its backend.
//
// A Dispatcher works from NewDispatcher until Close. Several may share a
// registry: each publishes every event, and the failure of one does not affect the
// others. All methods are safe for concurrent use.
type Dispatcher struct {
	registry *Registry
	backend  Backend
	options  dispatcherOptions

	table    atomic.Pointer[routeTable] // base without the routes that switches turn off
	invalid  atomic.Int64               // events
	failures failureLog
	panics   atomic.Int64 // of hooks and the log handler

	reloading chan struct{} // holds a token during a reload

	mu       sync.Mutex // guards what follows, and is held to replace table
	served   map[*entry]*served
	base     *routeTable // of the configuration
	switches []Switch
	expiry   *time.Timer // of the switch that ends first, or nil
	expiring sync.WaitGroup

	closing closing.Once
}

var errDispatcherClosed = fmt.Errorf("dispatcher is %w", ErrClosed)

// DispatcherOption configures a [Dispatcher].
type DispatcherOption struct{ apply func(*dispatcherOptions) }

type dispatcherOptions struct {
	prefix string
	codec  Codec
	logger *slog.Logger
	hooks  []Hooks
	shared bool
	mode   Mode
	outbox Outbox

	emptyAllowed bool
	trace        func(context.Context) *TraceContext

	deadLetter        string
	deadLetterBackend Backend // nil means the dispatcher's own
}

// WithTopicPrefix puts prefix and a hyphen before every topic: with "prod", the topic
// "orders" becomes "prod-orders". The default is the empty prefix, which changes
// nothing. The Open edX event bus calls this setting EVENT_BUS_TOPIC_PREFIX.
func WithTopicPrefix(prefix string) DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.prefix = prefix }}
}

// WithCodec sets the codec of events. The default is [Avro].
func WithCodec(c Codec) DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.codec = c }}
}

// WithLogger sets the logger for failures and configuration changes. The default discards
// everything. The backend logs there too, unless its own configuration has a
// logger. Event data and keys are never logged. A panic of the log handler is recovered and
// counted in Stats.Panics.
func WithLogger(l *slog.Logger) DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.logger = l }}
}

// WithSharedBackend leaves the backends open when the dispatcher closes, so that several
// dispatchers can share one. Close then flushes the backends and returns. The caller
// must close them after the last dispatcher.
//
// If the context of Close ends first, Close returns an error, and the backend continues
// with the messages in flight. Their outcomes still reach hooks and deliveries.
func WithSharedBackend() DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.shared = true }}
}

// NewDispatcher checks the configuration c against the registry and the backend. If it is
// valid, NewDispatcher attaches a new dispatcher to r: from then on, events sent
// through r are published. c is not kept.
//
// If c is not valid, NewDispatcher returns a [*ValidationError] with every problem of
// names and key paths, or the errors of the backend's Prepare. The caller then still
// owns b. If NewDispatcher succeeds, the dispatcher owns b and closes it, unless
// [WithSharedBackend] is given.
func NewDispatcher(ctx context.Context, r *Registry, c ProducerConfig, b Backend, opts ...DispatcherOption) (*Dispatcher, error) {
	d := &Dispatcher{
		registry:  r,
		backend:   b,
		options:   dispatcherOptions{codec: Avro(), mode: ModeOnCommit, logger: slog.New(slog.DiscardHandler)},
		reloading: make(chan struct{}, 1),
		served:    map[*entry]*served{},
	}
	for _, opt := range opts {
		if opt.apply != nil {
			opt.apply(&d.options)
		}
	}
	switch {
	case r == nil:
		return nil, errors.New("new dispatcher: found a nil registry; want the registry of the signals")
	case b == nil:
		return nil, errors.New("new dispatcher: found a nil backend; want one, such as memory.New() in a test")
	case d.options.codec == nil:
		return nil, errors.New("new dispatcher: WithCodec: found nil; want a codec, or no option for Avro")
	case d.options.logger == nil:
		return nil, errors.New("new dispatcher: WithLogger: found nil; want a logger, or no option for none")
	case !d.options.mode.valid():
		return nil, fmt.Errorf("new dispatcher: WithDefaultMode: found %s; want %s", display(string(d.options.mode)), oneOf(modeNames()))
	case d.options.deadLetterBackend != nil && d.options.deadLetter == "":
		return nil, errors.New("new dispatcher: WithDeadLetterBackend: found no WithDeadLetter; want its suffix for the topics")
	}
	if r.fault != nil {
		return nil, r.fault
	}
	d.options.logger = safelog.New(d.options.logger, func() { d.panics.Add(1) })
	for _, backend := range d.backends() {
		if user, ok := capability[interface{ UseLogger(l *slog.Logger) }](backend); ok {
			user.UseLogger(d.options.logger)
		}
	}
	d.base = &routeTable{}
	table, err := d.prepare(ctx, c, d.base)
	if err != nil {
		return nil, err
	}
	d.replace(table)
	r.attach(d)
	d.logStart(ctx, table)
	return d, nil
}

// backends returns the backend, and that of dead letters last if there is one.
func (d *Dispatcher) backends() []Backend {
	if d.options.deadLetterBackend == nil {
		return []Backend{d.backend}
	}
	return []Backend{d.backend, d.options.deadLetterBackend}
}

// prepare builds the route table of c, reusing unchanged routes of old, and lets the
// backends check it.
func (d *Dispatcher) prepare(ctx context.Context, c ProducerConfig, old *routeTable) (*routeTable, error) {
	if err := c.Validate(d.registry); err != nil {
		return nil, err
	}
	table, err := d.newRouteTable(c, old)
	if err != nil {
		return nil, err
	}
	if !d.options.emptyAllowed {
		if err := table.checkEmpty(old); err != nil {
			return nil, err
		}
	}
	var faults []error
	routes, deadLetters := table.list(), table.deadLetters()
	if own := d.options.deadLetterBackend; own == nil {
		routes = append(routes, deadLetters...)
	} else if err := own.Prepare(ctx, deadLetters); err != nil {
		faults = append(faults, fmt.Errorf("prepare dead-letter backend: %w", err))
	}
	if err := d.prepareOutbox(ctx, table.list()); err != nil {
		faults = append(faults, err)
	}
	if err := d.backend.Prepare(ctx, routes); err != nil {
		faults = append(faults, fmt.Errorf("prepare backend: %w", err))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return table, nil
}

// replace puts a route table into service. It returns the one before, which is closed if the
// dispatcher is.
func (d *Dispatcher) replace(table *routeTable) (old *routeTable) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old = d.base
	if !old.closed {
		d.adopt(table, old)
		d.base = table
		d.applySwitches()
	}
	return old
}

// Flush blocks until every message that was accepted before the call has an outcome, or
// ctx ends. It waits for their dead letters too. See [WithDeadLetter].
func (d *Dispatcher) Flush(ctx context.Context) error {
	err := d.backend.Flush(ctx)
	if err == nil && d.options.deadLetter != "" {
		err = d.deadLetterBackend().Flush(ctx) // of the messages that failed meanwhile
	}
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// Close stops publishing, waits until every accepted message has an outcome or ctx
// ends, and closes the backend. If ctx ends first, the backend gives up the remaining
// messages: each has a fate when Close returns its error. [WithSharedBackend]
// describes the difference for shared backends.
//
// If no other dispatcher of the registry is open, Send returns [ErrClosed] from then on, so
// that no event is lost unnoticed. A second Close waits for the first and
// returns the same error.
func (d *Dispatcher) Close(ctx context.Context) error {
	err := d.closing.Do(ctx, func() error {
		d.mu.Lock()
		d.base = &routeTable{true, d.base.signals, d.base.bySignal}
		d.applySwitches()
		d.mu.Unlock()
		d.expiring.Wait()
		err := d.closeBackends(ctx)
		d.logClosed(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// closeBackends closes or flushes the backends. The backend of dead letters comes last,
// since messages can fail until the other one is closed.
func (d *Dispatcher) closeBackends(ctx context.Context) error {
	if d.options.shared {
		return d.Flush(ctx)
	}
	if d.options.deadLetter != "" && d.options.deadLetterBackend == nil {
		_ = d.Flush(ctx) // a closing backend accepts no dead letters; Close reports what is left
	}
	var faults []error
	for _, b := range d.backends() {
		faults = append(faults, b.Close(ctx))
	}
	return errors.Join(faults...)
}

// logClosed logs the final counts.
func (d *Dispatcher) logClosed(ctx context.Context) {
	stats, level := d.Stats(), slog.LevelInfo
	if stats.Failed > 0 || stats.Rejected > 0 || stats.Invalid > 0 {
		level = slog.LevelWarn
	}
	d.options.logger.LogAttrs(ctx, level, "dispatcher closed",
		slog.Int64("accepted", stats.Accepted), slog.Int64("delivered", stats.Delivered),
		slog.Int64("failed", stats.Failed), slog.Int64("rejected", stats.Rejected), slog.Int64("invalid", stats.Invalid))
}
