package signalcast

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast/internal/nearest"
)

// Registry is the set of signals that a program knows, with their receivers.
// Dispatchers attach to it. It is an explicit value: a program may have several,
// and each test can have its own. It is safe for concurrent use.
type Registry struct {
	source     string
	sourceHost string
	sourceLib  string
	ids        func() UUID // nil means version 7
	localOnly  bool
	fault      error // in the options above; no event could carry them

	nothing *Delivery // of events without messages and receivers

	mu          sync.Mutex // held to replace what follows
	signals     atomic.Pointer[signalTable]
	dispatchers atomic.Pointer[[]*Dispatcher]
}

type signalTable struct {
	byDefinition map[*definition]*entry
	byEventType  map[string]*entry
	byType       map[reflect.Type]*dataType
	sorted       []*entry // by event type
}

// entry is one registered signal.
type entry struct {
	def   *definition
	self  Definition // the *Signal[T]
	data  *dataType
	index int // in routeTable.bySignal

	mu        sync.Mutex // held to change what follows
	receivers atomic.Pointer[[]*receiver]

	readers atomic.Pointer[map[*Schema]reader] // of Decode; the map is replaced as a whole

	unrouted atomic.Int64 // events
}

var _ Definition = (*entry)(nil)

func (e *entry) EventType() string      { return e.def.eventType }
func (e *entry) MinorVersion() int64    { return e.def.minorVersion }
func (e *entry) Doc() string            { return e.def.doc }
func (e *entry) DataType() reflect.Type { return e.def.dataType }
func (e *entry) base() *definition      { return e.def }

// RegistryOption configures a [Registry].
type RegistryOption struct{ apply func(*Registry) }

// WithSource sets the service in the metadata of every event, such as
// "openedx/lms/web". The default is "openedx/SERVICE_NAME_UNSET/web", which
// the Open edX event bus writes for a service without a name.
func WithSource(source string) RegistryOption {
	return RegistryOption{func(r *Registry) { r.source = source }}
}

// WithSourceHost sets the host in the metadata of every event. The default is
// the host name of the machine. It may be empty.
func WithSourceHost(host string) RegistryOption {
	return RegistryOption{func(r *Registry) { r.sourceHost = host }}
}

// WithSourceLib sets the library version in the metadata of every event.
// It is numbers joined by dots, such as "11.2.0". The default is [Version].
func WithSourceLib(version string) RegistryOption {
	return RegistryOption{func(r *Registry) { r.sourceLib = version }}
}

// WithIDs sets the function that returns the IDs of events. The default is [NewUUID].
// next must be safe for concurrent use.
func WithIDs(next func() UUID) RegistryOption {
	return RegistryOption{func(r *Registry) { r.ids = next }}
}

// LocalOnly permits sending without a dispatcher: events then reach the receivers
// only. Without it, such a Send returns [ErrNoDispatcher].
func LocalOnly() RegistryOption { return RegistryOption{func(r *Registry) { r.localOnly = true }} }

// NewRegistry returns an empty registry.
func NewRegistry(opts ...RegistryOption) *Registry {
	r := &Registry{
		source:    "openedx/SERVICE_NAME_UNSET/web",
		sourceLib: Version(),
		nothing:   &Delivery{},
	}
	r.sourceHost, _ = os.Hostname() // empty if unknown, which consumers accept
	r.signals.Store(&signalTable{})
	r.dispatchers.Store(&[]*Dispatcher{})
	for _, opt := range opts {
		if opt.apply != nil {
			opt.apply(r)
		}
	}
	r.fault = r.check()
	return r
}

// Register adds signals: all of them, or none if it returns an error. The error is a
// [*RegistrationError] with every fault of every signal. Registering a signal that is
// registered already has no effect.
func (r *Registry) Register(defs ...Definition) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.signals.Load().clone(len(defs))
	var faults []*SignalError
	for i, def := range defs {
		if def == nil || def.base() == nil {
			faults = append(faults, &SignalError{Err: fmt.Errorf("signal %d of %d is nil", i+1, len(defs))})
			continue
		}
		d := def.base()
		if next.byDefinition[d] != nil {
			continue
		}
		data, fault := d.check(next.byType)
		if fault != nil {
			faults = append(faults, fault)
		}
		if other := next.byEventType[d.eventType]; other != nil {
			faults = append(faults, &SignalError{
				EventType: d.eventType, DataType: d.dataType, Declared: d.place(), Other: other.def.place(), Err: ErrDuplicateEventType,
			})
		}
		next.add(&entry{def: d, self: def, data: data, index: len(next.byDefinition)})
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b *SignalError) int { return strings.Compare(a.EventType, b.EventType) })
		return &RegistrationError{Signals: faults}
	}
	slices.SortFunc(next.sorted, func(a, b *entry) int { return strings.Compare(a.def.eventType, b.def.eventType) })
	r.signals.Store(next)
	return nil
}

// clone returns a copy with room for more signals.
func (t *signalTable) clone(more int) *signalTable {
	size := len(t.sorted) + more
	c := &signalTable{
		byDefinition: make(map[*definition]*entry, size),
		byEventType:  make(map[string]*entry, size),
		byType:       make(map[reflect.Type]*dataType, len(t.byType)+more),
		sorted:       make([]*entry, 0, size),
	}
	for _, e := range t.sorted {
		c.add(e)
	}
	return c
}

func (t *signalTable) add(e *entry) {
	t.byDefinition[e.def] = e
	t.byEventType[e.def.eventType] = e
	t.byType[e.def.dataType] = e.data
	t.sorted = append(t.sorted, e)
}

// check compiles the data type, unless it is one of known, and reports all faults of
// the signal.
func (d *definition) check(known map[reflect.Type]*dataType) (*dataType, *SignalError) {
	if d.dataType == nil {
		return nil, &SignalError{Err: errors.New("found a zero Signal; want one made by NewSignal")}
	}
	var fields []FieldError
	if !validEventType(d.eventType) {
		fields = append(fields, FieldError{
			Found: "found a name that is no event type",
			Want:  "parts joined by dots, of ASCII letters, digits, '_' and '-', at most 249 bytes in all",
		})
	}
	if d.minorVersion < 0 {
		fields = append(fields, FieldError{Found: fmt.Sprintf("found minor version %d", d.minorVersion), Want: "0 or more"})
	}
	data := known[d.dataType]
	if data == nil {
		var err error
		if data, err = newDataType(d.dataType); err != nil {
			fields = append(fields, fieldErrors(err)...)
		}
	}
	if len(fields) > 0 {
		return data, &SignalError{EventType: d.eventType, DataType: d.dataType, Declared: d.place(), Fields: fields}
	}
	return data, nil
}

// validEventType reports whether name can be part of a header, of the namespace of a
// schema and of a topic name. Kafka's limit for topic names is 249 bytes.
func validEventType(name string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	if len(name) > 249 {
		return false
	}
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || strings.ContainsFunc(part, func(c rune) bool { return !strings.ContainsRune(allowed, c) }) {
			return false
		}
	}
	return true
}

// Definitions returns the registered signals, sorted by event type.
func (r *Registry) Definitions() []Definition {
	sorted := r.signals.Load().sorted
	defs := make([]Definition, len(sorted))
	for i, e := range sorted {
		defs[i] = e.self
	}
	return defs
}

// SendJSON sends an event by name, with its data as a JSON object with wire names.
// Decoding is strict: unknown, duplicate and missing fields and wrong types are an
// [*EncodeError] that lists all of them with line and column. Only nullable
// fields, lists and maps may be absent. In all other respects SendJSON is [Signal.Send].
func (r *Registry) SendJSON(ctx context.Context, eventType string, data []byte, opts ...SendOption) error {
	e, err := r.named(eventType)
	if err != nil {
		return err
	}
	d, err := e.def.sendJSON(ctx, r, e, data, opts)
	if err != nil {
		return err
	}
	return d.Wait(ctx)
}

// SendJSONAsync is SendJSON without the wait for outcomes. See [Signal.SendAsync].
func (r *Registry) SendJSONAsync(ctx context.Context, eventType string, data []byte, opts ...SendOption) (*Delivery, error) {
	e, err := r.named(eventType)
	if err != nil {
		return nil, err
	}
	return e.def.sendJSON(ctx, r, e, data, opts)
}

// Unrouted returns, by event type, how many events no attached dispatcher published because
// none has an enabled topic for them. Events that were sent successfully are either counted
// here, or in the [Stats] of a dispatcher. Events with [FromBus] are not counted, nor are
// those of a registry that is [LocalOnly] and has no dispatcher.
func (r *Registry) Unrouted() map[string]int64 {
	counts := map[string]int64{}
	for _, e := range r.signals.Load().sorted {
		if n := e.unrouted.Load(); n > 0 {
			counts[e.def.eventType] = n
		}
	}
	return counts
}

// named returns the signal of an event type that a user wrote.
func (r *Registry) named(eventType string) (*entry, error) {
	e := r.lookup(eventType)
	if e != nil {
		return e, nil
	}
	err := notRegistered(eventType)
	if r != nil {
		if near := nearest.Name(eventType, maps.Keys(r.signals.Load().byEventType)); near != "" {
			err = fmt.Errorf("%w (did you mean %q?)", err, near)
		}
	}
	return nil, err
}

func notRegistered(eventType string) error {
	return fmt.Errorf("event type %q: %w", eventType, ErrNotRegistered)
}

// Receivers returns the number of receivers that are connected to the signal of an event type, and whether the
// signal is registered.
func (r *Registry) Receivers(eventType string) (n int, registered bool) {
	e := r.lookup(eventType)
	if e == nil {
		return 0, false
	}
	return len(e.connected()), true
}

// lookup returns the signal of an event type, or nil.
func (r *Registry) lookup(eventType string) *entry {
	if r == nil {
		return nil
	}
	return r.signals.Load().byEventType[eventType]
}

// entry returns a registered signal, nil if it is not registered.
func (r *Registry) entry(d *definition) *entry {
	if r == nil {
		return nil
	}
	return r.signals.Load().byDefinition[d]
}

// target is a dispatcher that publishes an event, with the routes of the event.
type target struct {
	dispatcher *Dispatcher
	routes     *signalRoutes
}

// idle reports whether an event of the signal e has neither receivers nor enabled routes, and
// sending it is no error. It counts such an event.
func (r *Registry) idle(e *entry) bool {
	if e == nil || e.receivers.Load() != nil {
		return false
	}
	attached := *r.dispatchers.Load()
	if len(attached) == 0 {
		return r.localOnly
	}
	open, off := false, (*signalRoutes)(nil)
	for _, d := range attached {
		table := d.table.Load()
		if table.closed {
			continue
		}
		open = true
		if routes := table.serving(e); routes != nil {
			if len(routes.enabled) > 0 || off != nil {
				return false
			}
			off = routes
		}
	}
	switch {
	case !open:
		return false
	case off != nil:
		off.suppress()
	default:
		e.unrouted.Add(1)
	}
	return true
}

// admit decides whether an event of the signal e may be sent. It sets meta to the
// metadata of the event and appends the targets of the event to targets. A Reload or Close
// that follows does not change them.
//
// A closed dispatcher does not count if another one is open, so that a service can
// replace a dispatcher by making the new one first.
func (r *Registry) admit(e *entry, opts []SendOption, meta *Metadata, targets []target) ([]target, error) {
	if err := r.describe(e.def, opts, meta); err != nil {
		return nil, err
	}
	if meta.FromEventBus {
		return nil, nil
	}
	attached := *r.dispatchers.Load()
	open := len(attached) == 0 && r.localOnly
	for _, d := range attached {
		table := d.table.Load()
		if table.closed {
			continue
		}
		open = true
		if routes := table.serving(e); routes != nil {
			targets = append(targets, target{d, routes})
		}
	}
	switch {
	case open:
		if len(targets) == 0 && len(attached) > 0 {
			e.unrouted.Add(1)
		}
		return targets, nil
	case len(attached) > 0:
		return nil, errDispatcherClosed
	default:
		return nil, fmt.Errorf("event type %q: %w", e.def.eventType, ErrNoDispatcher)
	}
}

// attach adds d to the dispatchers of the registry and removes closed ones.
func (r *Registry) attach(d *Dispatcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	open := slices.DeleteFunc(slices.Clone(*r.dispatchers.Load()), func(d *Dispatcher) bool { return d.table.Load().closed })
	open = append(open, d)
	r.dispatchers.Store(&open)
}

// describe sets m to the metadata of an event that is sent now.
func (r *Registry) describe(d *definition, opts []SendOption, m *Metadata) error {
	now := time.Now()
	m.EventType, m.MinorVersion = d.eventType, d.minorVersion
	m.Source, m.SourceHost, m.SourceLib = r.source, r.sourceHost, r.sourceLib
	m.Time = now
	if r.ids != nil {
		m.ID = r.ids()
	} else {
		m.ID = newUUID(now)
	}
	for _, opt := range opts {
		if err := opt.apply(m); err != nil {
			return err
		}
	}
	if r.fault != nil || r.ids != nil || len(opts) > 0 { // otherwise every value is known to be valid
		if err := m.check(); err != nil {
			return err
		}
	}
	m.Time = time.Unix(m.Time.Unix(), int64(m.Time.Nanosecond()/1000*1000)).UTC() // as it is written
	return nil
}

// check reports an option of the registry that no event could carry.
func (r *Registry) check() error {
	sample := Metadata{ID: UUID{1}, Time: time.Unix(0, 0).UTC(), Source: r.source, SourceHost: r.sourceHost, SourceLib: r.sourceLib}
	if fault, ok := errors.AsType[*EncodeError](sample.check()); ok {
		return fmt.Errorf("registry: %w", &fault.Fields[0])
	}
	return nil
}
