package signalcast

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/signalcast/signalcast/internal/closing"
)

// Dispatcher is the one generic handler, connected to every event type that its
// configuration enables: it looks the event's routes up, encodes the data once,
// resolves the key of each topic and publishes one message per topic to its backend.
//
// A Dispatcher works from NewDispatcher until Close. Several may share a
// registry; each serves every event, and the failure of one does not stop the
// next. All methods are safe for concurrent use.
type Dispatcher struct {
	registry *Registry
	backend  Backend
	options  options

	table   atomic.Pointer[routeTable]
	invalid atomic.Int64

	reloading chan struct{} // holds a token while the table is replaced

	mu     sync.Mutex // guards what follows
	served map[*entry]*served

	closing closing.Once
}

var errDispatcherClosed = fmt.Errorf("dispatcher is %w", ErrClosed)

// DispatcherOption is a setting of a [Dispatcher].
type DispatcherOption func(*options)

type options struct {
	prefix string
	codec  Codec
	logger *slog.Logger
	hooks  Hooks

	deadLetter        string
	deadLetterBackend Backend // nil: the dispatcher's own
}

// WithTopicPrefix puts prefix and a hyphen before every topic: "prod" makes
// "prod-orders" of "orders". The default, the empty prefix, leaves topics as
// they are. It is the setting EVENT_BUS_TOPIC_PREFIX of the Open edX event bus.
func WithTopicPrefix(prefix string) DispatcherOption { return func(o *options) { o.prefix = prefix } }

// WithCodec sets how events are encoded. The default is [Avro].
func WithCodec(c Codec) DispatcherOption { return func(o *options) { o.codec = c } }

// WithLogger sets where failures and changes of the configuration are logged.
// The default is nowhere. Event data and keys are never logged.
func WithLogger(l *slog.Logger) DispatcherOption { return func(o *options) { o.logger = l } }

// WithHooks sets functions to call when the fate of a message is known.
func WithHooks(h Hooks) DispatcherOption { return func(o *options) { o.hooks = h } }

// Hooks are called when something has become known. Each may be nil. They are
// called on the goroutine that learnt it, often one of the backend, before
// anybody who waits for the message: they return soon, do not wait for messages
// themselves (with Send, Flush, Close or Reload), and keep nothing that they are
// given unless it is said below.
//
// A hook sends with SendAsync and a context that has ended: the event is taken if
// there is room. A wait for room might never end, since the room of the hook's own
// message is free only when the hook has returned. What is refused then is told to
// Failed, so that Failed does not send about events of its own.
type Hooks struct {
	// Delivered: the destination has stored m.
	Delivered func(m *Message, r Receipt)
	// Failed is called for each message that the backend accepted and that failed
	// delivery. The error, with everything needed to publish its Message again, may be kept.
	Failed func(err *DeliveryError)
	// Rejected is called for each message that the backend did not accept. The
	// error may be kept.
	Rejected func(err *DeliveryError)
	// Invalid: an event was not published because it cannot be encoded.
	Invalid func(m Metadata, err error)
	// Reloaded: a new configuration is in service.
	Reloaded func(c Change)
}

// NewDispatcher checks the configuration c against the registry and the backend
// and, when all is well, attaches a dispatcher to r: from then on events sent
// through r are published. It takes the place of dispatchers of r that were closed.
//
// A configuration that is refused is a [*ValidationError] with every problem of
// names and key paths, or what the backend's Prepare found; nothing has changed
// then, and b remains the caller's. Once NewDispatcher has returned a dispatcher,
// Close closes b too; [KeepOpen] shares one. c is not kept.
func NewDispatcher(ctx context.Context, r *Registry, c ProducerConfig, b Backend, opts ...DispatcherOption) (*Dispatcher, error) {
	d := &Dispatcher{
		registry:  r,
		backend:   b,
		options:   options{codec: Avro(), logger: slog.New(slog.DiscardHandler)},
		reloading: make(chan struct{}, 1),
		served:    map[*entry]*served{},
	}
	for _, opt := range opts {
		opt(&d.options)
	}
	switch {
	case r == nil:
		return nil, errors.New("registry is nil; a dispatcher serves a registry")
	case b == nil:
		return nil, errors.New("backend is nil; backends/memory has one for tests")
	case d.options.codec == nil:
		return nil, errors.New("codec is nil; leave WithCodec out for Avro")
	case d.options.logger == nil:
		return nil, errors.New("logger is nil; leave WithLogger out to log nothing")
	case d.options.deadLetterBackend != nil && d.options.deadLetter == "":
		return nil, errors.New("WithDeadLetterBackend is given without WithDeadLetter, which names the topics")
	}
	if r.fault != nil {
		return nil, r.fault
	}
	table, err := d.prepare(ctx, c, &routeTable{})
	if err != nil {
		return nil, err
	}
	d.table.Store(table)
	r.attach(d)
	return d, nil
}

// prepare makes the route table of a configuration, which is to replace old, and
// lets the backend check it.
func (d *Dispatcher) prepare(ctx context.Context, c ProducerConfig, old *routeTable) (*routeTable, error) {
	if err := c.Validate(d.registry); err != nil {
		return nil, err
	}
	table, err := d.newTable(c, old)
	if err != nil {
		return nil, err
	}
	var faults []error
	routes, deadLetters := table.list(), table.deadLetters()
	if spare := d.options.deadLetterBackend; spare == nil {
		routes = append(routes, deadLetters...)
	} else if err := spare.Prepare(ctx, deadLetters); err != nil {
		faults = append(faults, fmt.Errorf("the backend of dead letters refuses the configuration: %w", err))
	}
	if err := d.backend.Prepare(ctx, routes); err != nil {
		faults = append(faults, fmt.Errorf("the backend refuses the configuration: %w", err))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return table, nil
}

// Reload puts a new configuration into service. It is checked like the first
// one; when it is refused, nothing changes. The new table takes effect at once
// and as a whole: an event is served by the old one or by the new one.
// Messages already taken go on, and counters keep counting.
//
// Reloads are done one after the other; ctx bounds the waiting and the checks.
// After Close, Reload returns [ErrClosed].
func (d *Dispatcher) Reload(ctx context.Context, c ProducerConfig) (Change, error) {
	if err := ctx.Err(); err != nil {
		return Change{}, fmt.Errorf("reload: %w", err)
	}
	select {
	case d.reloading <- struct{}{}:
		defer func() { <-d.reloading }()
	case <-ctx.Done():
		return Change{}, fmt.Errorf("waiting for another reload: %w", ctx.Err())
	}
	old := d.table.Load()
	if old.closed {
		return Change{}, errDispatcherClosed
	}
	table, err := d.prepare(ctx, c, old)
	if err != nil {
		return Change{}, err
	}
	if !d.table.CompareAndSwap(old, table) {
		return Change{}, errDispatcherClosed
	}
	change := table.since(old)
	d.options.logger.LogAttrs(ctx, slog.LevelInfo, "configuration reloaded",
		slog.Int("started", len(change.Started)), slog.Int("stopped", len(change.Stopped)),
		slog.Int("rekeyed", len(change.Rekeyed)))
	if d.options.hooks.Reloaded != nil {
		d.options.hooks.Reloaded(change)
	}
	return change, nil
}

// handle is the generic handler: it publishes one event to every topic enabled
// for it. What happens is noted in delivery.
func (d *Dispatcher) handle(ctx context.Context, e *entry, meta *Metadata, data Data, delivery *Delivery) {
	table := d.table.Load()
	if table.closed {
		delivery.fail(errDispatcherClosed)
		return
	}
	routes := table.of(e)
	if routes == nil {
		return
	}
	if !builtIn(d.options.codec) {
		data = data.copied()
	}
	dispatched := delivery.add(len(routes.enabled))
	if err := routes.encode(dispatched, meta, data); err != nil {
		dispatched.slots = nil
		d.invalid.Add(1)
		d.options.logger.LogAttrs(ctx, slog.LevelError, "event invalid", slog.String("event_type", meta.EventType),
			slog.String("event_id", meta.ID.String()), slog.Any("error", err))
		if d.options.hooks.Invalid != nil {
			d.options.hooks.Invalid(*meta, err)
		}
		delivery.fail(err)
		return
	}
	delivery.open.Add(int64(len(dispatched.slots)))
	for i := range dispatched.slots {
		s := &dispatched.slots[i]
		s.delivery = delivery
		if err := d.backend.Publish(ctx, &s.message, s.finish); err != nil {
			s.refuse(err)
		} else {
			s.taken()
		}
	}
}

// report tells log and hooks the outcome of a message.
func (d *Dispatcher) report(s *slot) {
	if s.failure == nil {
		if d.options.hooks.Delivered != nil {
			d.options.hooks.Delivered(&s.message, s.receipt)
		}
		return
	}
	text, hook := "message not delivered", d.options.hooks.Failed
	if s.refused {
		text, hook = "message rejected", d.options.hooks.Rejected
	}
	d.options.logger.LogAttrs(context.Background(), slog.LevelError, text,
		slog.String("event_type", s.message.Event.EventType), slog.String("event_id", s.message.Event.ID.String()),
		slog.String("topic", s.message.Topic), slog.String("fate", s.failure.Fate.String()), slog.Any("error", s.failure.Err))
	if hook != nil {
		hook(s.failure)
	}
}

// Plan is a dry run of one event: the messages that SendJSON would publish
// through this dispatcher, in the order of their topics; none when nothing is
// enabled or the event came from the bus. Nothing is sent, not to receivers either.
func (d *Dispatcher) Plan(eventType string, data []byte, opts ...SendOption) ([]*Message, error) {
	e, err := d.registry.named(eventType)
	if err != nil {
		return nil, err
	}
	var meta Metadata
	if err := d.registry.describe(e.def, opts, &meta); err != nil {
		return nil, err
	}
	decoded, err := e.def.decode(e.data.Type, data)
	if err != nil {
		return nil, &EncodeError{EventType: eventType, Err: err}
	}
	decoded.entry = e
	if meta.FromEventBus {
		return nil, nil
	}
	table := d.table.Load()
	if table.closed {
		return nil, errDispatcherClosed
	}
	routes := table.of(e)
	if routes == nil {
		return nil, nil
	}
	planned := dispatch{slots: make([]slot, len(routes.enabled))}
	if err := routes.encode(&planned, &meta, decoded); err != nil {
		return nil, err
	}
	messages := make([]*Message, len(planned.slots))
	for i := range planned.slots {
		messages[i] = &planned.slots[i].message
	}
	return messages, nil
}

// logClosed sums up what the dispatcher has done: what failed with the closing
// is one line among many else.
func (d *Dispatcher) logClosed(ctx context.Context) {
	stats, level := d.Stats(), slog.LevelInfo
	if stats.Failed > 0 || stats.Rejected > 0 || stats.Invalid > 0 {
		level = slog.LevelWarn
	}
	d.options.logger.LogAttrs(ctx, level, "dispatcher closed",
		slog.Int64("accepted", stats.Accepted), slog.Int64("delivered", stats.Delivered),
		slog.Int64("failed", stats.Failed), slog.Int64("rejected", stats.Rejected), slog.Int64("invalid", stats.Invalid))
}

// Flush waits until the outcome of every message that the backend had taken
// before the call is known, or ctx ends. Their dead letters, see [WithDeadLetter],
// count among them.
func (d *Dispatcher) Flush(ctx context.Context) error {
	err := d.backend.Flush(ctx)
	if err == nil && d.options.deadLetter != "" {
		err = d.deadLetterBackend().Flush(ctx) // what has failed meanwhile
	}
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// Close stops publishing, waits until the outcome of every message is known or
// ctx ends, and closes the backend. When ctx ends first, the messages left are
// given up: each still gets a fate before Close returns its error.
//
// The dispatcher stays attached to its registry and answers [ErrClosed] to
// whoever sends, until another dispatcher takes its place: an event is never
// lost without notice. Closing twice is allowed; the second call waits for the first.
func (d *Dispatcher) Close(ctx context.Context) error {
	err := d.closing.Do(ctx, func() error {
		for {
			old := d.table.Load()
			if d.table.CompareAndSwap(old, &routeTable{true, old.signals, old.bySignal}) {
				break
			}
		}
		err := d.closeBackends(ctx)
		d.logClosed(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}
