package signalcast

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast/internal/nearest"
)

// Registry is the set of signals that a program knows, and their receivers.
// Dispatchers attach to it. It is an explicit value: a program may have several,
// and a test makes its own. It is safe for concurrent use.
type Registry struct {
	source     string
	sourceHost string
	sourceLib  string
	ids        func() UUID // nil: version 7
	localOnly  bool
	fault      error // of these settings; no event could carry them

	nothing *Delivery // of events without topics and receivers; done from the start

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
	self  Definition
	data  *dataType
	index int // its place in every route table

	mu        sync.Mutex // held to change what follows
	receivers atomic.Pointer[[]*receiver]
}

type receiver struct{ f any }

// RegistryOption is a setting of a [Registry].
type RegistryOption func(*Registry)

// WithSource names the service in the metadata of every event, as in
// "openedx/lms/web". The default is "openedx/SERVICE_NAME_UNSET/web", which is
// what the Open edX event bus writes for a service without a name.
func WithSource(source string) RegistryOption { return func(r *Registry) { r.source = source } }

// WithSourceHost names the host in the metadata of every event. The default is
// the machine's host name. It may be empty.
func WithSourceHost(host string) RegistryOption { return func(r *Registry) { r.sourceHost = host } }

// WithSourceLib sets the library version in the metadata of every event.
// It is numbers joined by dots, such as "11.2.0". The default is [Version].
func WithSourceLib(version string) RegistryOption {
	return func(r *Registry) { r.sourceLib = version }
}

// WithIDs sets where event IDs come from. The default is [NewUUID].
// The function must be safe for concurrent use.
func WithIDs(next func() UUID) RegistryOption { return func(r *Registry) { r.ids = next } }

// LocalOnly says that events need not leave the process: sending without a
// dispatcher reaches the receivers and is no error.
func LocalOnly() RegistryOption { return func(r *Registry) { r.localOnly = true } }

// NewRegistry returns an empty registry.
func NewRegistry(opts ...RegistryOption) *Registry {
	r := &Registry{
		source:    "openedx/SERVICE_NAME_UNSET/web",
		sourceLib: Version(),
		nothing:   &Delivery{},
	}
	r.sourceHost, _ = os.Hostname() // empty when unknown, which consumers accept
	r.nothing.begin()
	_, _ = r.nothing.sent()
	r.signals.Store(&signalTable{})
	r.dispatchers.Store(&[]*Dispatcher{})
	for _, opt := range opts {
		opt(r)
	}
	r.fault = r.check()
	return r
}

// Register adds signals: all of them, or none when it returns an error. The
// error joins every fault: names that are no event types, data types that
// cannot be put on the wire, event types declared twice (with both places).
// Registering a signal again that is already there changes nothing.
func (r *Registry) Register(defs ...Definition) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.signals.Load().clone(len(defs))
	var faults []error
	for i, def := range defs {
		if def == nil || def.base() == nil {
			faults = append(faults, fmt.Errorf("signal %d of %d is nil", i+1, len(defs)))
			continue
		}
		d := def.base()
		if next.byDefinition[d] != nil {
			continue
		}
		data, err := d.check(next.byType)
		if err != nil {
			faults = append(faults, err)
		}
		if other := next.byEventType[d.eventType]; other != nil {
			faults = append(faults, fmt.Errorf("event type %q is declared twice: at %s and at %s; a registry holds one signal for each",
				d.eventType, other.def.place(), d.place()))
		}
		next.add(&entry{def: d, self: def, data: data, index: len(next.byDefinition)})
	}
	if len(faults) > 0 {
		slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return errors.Join(faults...)
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

// check compiles the data type, unless it is one of known, and reports
// everything wrong with the signal.
func (d *definition) check(known map[reflect.Type]*dataType) (*dataType, error) {
	if d.dataType == nil {
		return nil, errors.New("signal without an event type; NewSignal makes them")
	}
	fault := func(err error) error {
		return fmt.Errorf("signal %q declared at %s: %w", d.eventType, d.place(), err)
	}
	var faults []error
	if !validEventType(d.eventType) {
		faults = append(faults, fault(errors.New(
			"not an event type: it has parts joined by dots, of ASCII letters, digits, '_' and '-', at most 249 bytes in all")))
	}
	if d.minorVersion < 0 {
		faults = append(faults, fault(fmt.Errorf("minor version is %d; it is not negative", d.minorVersion)))
	}
	data := known[d.dataType]
	if data == nil {
		var err error
		if data, err = newDataType(d.dataType); err != nil {
			faults = append(faults, fault(err))
		}
	}
	return data, errors.Join(faults...)
}

// validEventType accepts what can be part of a header, a schema's namespace and
// a topic's name. 249 bytes is Kafka's limit for topics.
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

// SendJSON sends an event given by name, with its data as a JSON object on wire
// names. The object is read strictly: unknown, repeated and missing fields and
// wrong types are an [*EncodeError] that lists all of them with line and column.
// Only fields that are nullable, lists or maps may be left out.
// Everything else is as in [Signal.Send].
func (r *Registry) SendJSON(ctx context.Context, eventType string, data []byte, opts ...SendOption) error {
	e, err := r.named(eventType)
	if err != nil {
		return err
	}
	return e.def.sendJSON(ctx, r, data, opts)
}

// named finds a signal whose name somebody has written.
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

// lookup finds a signal by name; nil if there is none.
func (r *Registry) lookup(eventType string) *entry {
	if r == nil {
		return nil
	}
	return r.signals.Load().byEventType[eventType]
}

// entry finds a signal; nil if it is not registered.
func (r *Registry) entry(d *definition) *entry {
	if r == nil {
		return nil
	}
	return r.signals.Load().byDefinition[d]
}

// idle reports that sending the signal is nothing to anybody, and no error.
func (r *Registry) idle(d *definition) bool {
	e := r.entry(d)
	if e == nil || e.receivers.Load() != nil {
		return false
	}
	dispatchers := *r.dispatchers.Load()
	for _, d := range dispatchers {
		if table := d.table.Load(); table.closed || table.of(e) != nil {
			return false
		}
	}
	return len(dispatchers) > 0 || r.localOnly
}

// admit decides whether an event may be sent, and makes its metadata.
func (r *Registry) admit(d *definition, opts []SendOption, meta *Metadata) (*entry, error) {
	e := r.entry(d)
	if e == nil {
		return nil, notRegistered(d.eventType)
	}
	if err := r.describe(d, opts, meta); err != nil {
		return nil, err
	}
	if !meta.FromEventBus && !r.localOnly && len(*r.dispatchers.Load()) == 0 {
		return nil, fmt.Errorf("event type %q: %w", d.eventType, ErrNoDispatcher)
	}
	return e, nil
}

// topics returns the number of messages that an event of the signal becomes now.
func (r *Registry) topics(e *entry) int {
	n := 0
	for _, d := range *r.dispatchers.Load() {
		if routes := d.table.Load().of(e); routes != nil {
			n += len(routes.enabled)
		}
	}
	return n
}

// publish gives an event to every attached dispatcher. One that fails does not
// keep it from the next.
func (r *Registry) publish(ctx context.Context, e *entry, meta *Metadata, data Data, delivery *Delivery) {
	for _, d := range *r.dispatchers.Load() {
		d.handle(ctx, e, meta, data, delivery)
	}
}

// attach makes d one of the registry's dispatchers. It takes the place of closed ones.
func (r *Registry) attach(d *Dispatcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	open := slices.DeleteFunc(slices.Clone(*r.dispatchers.Load()), func(d *Dispatcher) bool { return d.table.Load().closed })
	open = append(open, d)
	r.dispatchers.Store(&open)
}

// describe makes the metadata of an event that is sent now.
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
	if r.fault != nil || r.ids != nil || len(opts) > 0 { // else all of it is known to be right
		if err := m.check(); err != nil {
			return err
		}
	}
	m.Time = time.Unix(m.Time.Unix(), int64(m.Time.Nanosecond()/1000*1000)).UTC() // as it is written
	return nil
}

// check reports a setting of the registry that no event could carry.
func (r *Registry) check() error {
	sample := Metadata{ID: UUID{1}, Time: time.Unix(0, 0).UTC(), Source: r.source, SourceHost: r.sourceHost, SourceLib: r.sourceLib}
	var fault *EncodeError
	if errors.As(sample.check(), &fault) {
		return fmt.Errorf("registry: %s: %w", fault.Field, fault.Err)
	}
	return nil
}

func (e *entry) connected() []*receiver {
	if list := e.receivers.Load(); list != nil {
		return *list
	}
	return nil
}

func (e *entry) connect(f any) (disconnect func()) {
	added := &receiver{f}
	e.changeReceivers(func(list []*receiver) []*receiver { return append(list, added) })
	return func() {
		e.changeReceivers(func(list []*receiver) []*receiver {
			return slices.DeleteFunc(list, func(rcv *receiver) bool { return rcv == added })
		})
	}
}

func (e *entry) changeReceivers(change func([]*receiver) []*receiver) {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := change(slices.Clone(e.connected()))
	if len(list) == 0 {
		e.receivers.Store(nil)
		return
	}
	e.receivers.Store(&list)
}

// call runs the receiver and turns what it returns or panics with into an error.
func (rcv *receiver) call(d *definition, run func() error) (failure error) {
	name := func() string { return runtime.FuncForPC(reflect.ValueOf(rcv.f).Pointer()).Name() }
	defer func() {
		if p := recover(); p != nil {
			failure = &ReceiverError{EventType: d.eventType, Receiver: name(), Panic: p, Stack: debug.Stack()}
		}
	}()
	if err := run(); err != nil {
		return &ReceiverError{EventType: d.eventType, Receiver: name(), Err: err}
	}
	return nil
}
