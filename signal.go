package signalcast

import (
	"context"
	"fmt"
	"reflect"
	"runtime"

	"github.com/signalcast/signalcast/internal/shape"
)

// Signal is the immutable, typed description of an event type. T is the type of
// the event's data; what it may be is described in the package documentation.
//
// A Signal is usually a package variable. It belongs to no registry until
// [Registry.Register] is given it, and may be in several. It is identified by
// its pointer; do not copy it. It is safe for concurrent use.
type Signal[T any] struct{ def definition }

// Definition is the untyped view of a signal that a [Registry] holds.
// Only [Signal] implements it.
type Definition interface {
	// EventType is the name of the signal.
	EventType() string
	// MinorVersion is the minor version of the event data, written with every event.
	MinorVersion() int64
	// Doc is the text given by WithDoc.
	Doc() string
	// DataType is the type of the event data.
	DataType() reflect.Type

	base() *definition
}

type definition struct {
	eventType    string
	minorVersion int64
	doc          string
	dataType     reflect.Type
	declared     uintptr // program counter of the NewSignal call

	// What needs the type parameter, for callers that only have a name.
	sendJSON func(ctx context.Context, r *Registry, data []byte, opts []SendOption) error
	decode   func(t *shape.Type, data []byte) (Data, error)
}

// SignalOption is a setting of a [Signal].
type SignalOption func(*definition)

// WithMinorVersion sets the minor version of the event data. The default is 0;
// it is not negative.
func WithMinorVersion(n int64) SignalOption { return func(d *definition) { d.minorVersion = n } }

// WithDoc describes the signal in a sentence. The text is not on the wire.
func WithDoc(text string) SignalOption { return func(d *definition) { d.doc = text } }

// NewSignal describes the event type of the given name, such as
// "org.example.course.published.v1". It has no side effect and reports nothing:
// [Registry.Register] checks the name and T.
func NewSignal[T any](eventType string, opts ...SignalOption) *Signal[T] {
	s := &Signal[T]{definition{eventType: eventType, dataType: reflect.TypeFor[T]()}}
	var caller [1]uintptr
	runtime.Callers(2, caller[:])
	s.def.declared = caller[0]
	s.def.sendJSON = s.sendJSON
	s.def.decode = decodeInto[T]
	for _, opt := range opts {
		opt(&s.def)
	}
	return s
}

// EventType is the name of the signal.
func (s *Signal[T]) EventType() string { return s.def.eventType }

// MinorVersion is the minor version of the event data, written with every event.
func (s *Signal[T]) MinorVersion() int64 { return s.def.minorVersion }

// Doc is the text given by [WithDoc].
func (s *Signal[T]) Doc() string { return s.def.doc }

// DataType is the type T.
func (s *Signal[T]) DataType() reflect.Type { return s.def.dataType }

func (s *Signal[T]) base() *definition {
	if s == nil {
		return nil
	}
	return &s.def
}

// place is where the signal was declared, for messages.
func (d *definition) place() string {
	frame, _ := runtime.CallersFrames([]uintptr{d.declared}).Next()
	return fmt.Sprintf("%s:%d", frame.File, frame.Line)
}

// Connect makes f a receiver of the signal in r: it is called in the sender's
// goroutine for every event sent through r, before Send returns, after the
// messages for the event's topics were handed over. Receivers are called in the
// order in which they were connected. What a receiver returns, or panics with,
// becomes a [ReceiverError] for the sender and stops no other receiver.
//
// The function returned disconnects f; it may be called more than once.
// Connect fails with [ErrNotRegistered] when the signal is not in r.
func (s *Signal[T]) Connect(r *Registry, f func(context.Context, Event[T]) error) (disconnect func(), err error) {
	e := r.entry(&s.def)
	if e == nil {
		return nil, notRegistered(s.def.eventType)
	}
	if f == nil {
		return nil, fmt.Errorf("receiver of %q is nil; a receiver is a function", s.def.eventType)
	}
	return e.connect(f), nil
}

// Send sends an event with the given data through r: to the signal's receivers
// and to every topic that an attached [Dispatcher]'s configuration enables.
// It returns when every topic has acknowledged the event or failed, or when ctx ends.
//
// The error joins everything that went wrong: a [*DeliveryError] for each topic
// that did not acknowledge (fate Pending when ctx ended first: the backend goes
// on), a [*ReceiverError] for each receiver that failed, an [*EncodeError] when
// the data cannot be written. An event that is not configured or not enabled
// for any topic goes to the receivers only; that is success. [ErrNotRegistered],
// [ErrNoDispatcher] and [ErrClosed] report that it could not have left the process.
//
// Data is encoded before Send returns and may be changed afterwards.
// Send is safe for concurrent use.
func (s *Signal[T]) Send(ctx context.Context, r *Registry, data T, opts ...SendOption) error {
	if len(opts) == 0 && r.idle(&s.def) {
		return nil
	}
	d, err := s.send(ctx, r, data, opts)
	if err != nil {
		return err
	}
	return d.Wait(ctx)
}

// SendAsync is Send without waiting for acknowledgements: it returns once every
// message is in the backend's bounded buffer. While the buffer is full it blocks
// until there is room or ctx ends.
//
// The error is non-nil only when no message was taken although there was one to
// take, or the event was refused; nothing of it will be published then.
// Otherwise the Delivery, never nil, tells the fate of each message; it also
// holds what receivers returned.
func (s *Signal[T]) SendAsync(ctx context.Context, r *Registry, data T, opts ...SendOption) (*Delivery, error) {
	if len(opts) == 0 && r.idle(&s.def) {
		return r.nothing, nil
	}
	return s.send(ctx, r, data, opts)
}

// send is kept out of Send and SendAsync so that their check of an idle signal
// costs no stack and no allocation.
//
//go:noinline
func (s *Signal[T]) send(ctx context.Context, r *Registry, data T, opts []SendOption) (*Delivery, error) {
	var meta Metadata
	e, err := r.admit(&s.def, opts, &meta)
	if err != nil {
		return nil, err
	}
	d := newDelivery(r.topics(e))
	d.begin()
	if !meta.FromEventBus {
		r.publish(ctx, e, &meta, Data{e, shape.RefOf(&data)}, d)
		runtime.KeepAlive(&data)
	}
	for _, rcv := range e.connected() {
		f, ok := rcv.f.(func(context.Context, Event[T]) error)
		if !ok {
			continue // the registry holds one definition per event type, so T is the same
		}
		if err := rcv.call(&s.def, func() error { return f(ctx, Event[T]{meta, data}) }); err != nil {
			d.fail(err)
		}
	}
	return d.sent()
}

func (s *Signal[T]) sendJSON(ctx context.Context, r *Registry, text []byte, opts []SendOption) error {
	e := r.entry(&s.def)
	var data T
	if err := e.data.DecodeJSON(text, reflect.ValueOf(&data).Elem()); err != nil {
		return &EncodeError{EventType: s.def.eventType, Err: err}
	}
	return s.Send(ctx, r, data, opts...)
}

func decodeInto[T any](t *shape.Type, text []byte) (Data, error) {
	data := reflect.New(reflect.TypeFor[T]()).Elem()
	if err := t.DecodeJSON(text, data); err != nil {
		return Data{}, err
	}
	return Data{ref: shape.RefOfValue(data)}, nil
}
