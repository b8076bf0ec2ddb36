package signalcast

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"sync"

	"github.com/signalcast/signalcast/internal/shape"
)

// Signal is the immutable, typed description of an event type. T is the type of the
// event data; the package documentation says which types are allowed.
//
// A Signal is usually a package variable. It belongs to no registry until it is given
// to [Registry.Register], and may be in several. It is identified by its pointer and
// must not be copied. It is safe for concurrent use.
type Signal[T any] struct {
	def  definition
	data sync.Pool // of *T; see docs/decisions/0005
}

// Definition is the untyped view of a signal. It cannot be implemented outside this
// package.
type Definition interface {
	// EventType returns the name of the signal.
	EventType() string
	// MinorVersion returns the minor version of the event data.
	MinorVersion() int64
	// Doc returns the text given by WithDoc.
	Doc() string
	// DataType returns the type of the event data.
	DataType() reflect.Type

	base() *definition
}

type definition struct {
	eventType    string
	minorVersion int64
	doc          string
	dataType     reflect.Type
	declared     uintptr // program counter of the NewSignal call

	// Functions that need the type parameter, for callers that know only the name.
	sendJSON func(ctx context.Context, r *Registry, e *entry, data []byte, opts []SendOption) (*Delivery, error)
	decode   func(e *entry, data []byte) (Data, error)
	receive  func(e *entry, reader *shape.AvroReader, value []byte, memory *eventMemory) (*Received, error)
}

// SignalOption configures a [Signal].
type SignalOption struct{ apply func(*definition) }

// WithMinorVersion sets the minor version of the event data, which every event
// carries. The default is 0. It must not be negative.
func WithMinorVersion(n int64) SignalOption {
	return SignalOption{func(d *definition) { d.minorVersion = n }}
}

// WithDoc describes the signal in a sentence. The text is not on the wire.
func WithDoc(text string) SignalOption { return SignalOption{func(d *definition) { d.doc = text }} }

// NewSignal returns a signal for the event type of the given name, such as
// "org.example.course.published.v1". It has no side effects.
// [Registry.Register] checks the name and T.
func NewSignal[T any](eventType string, opts ...SignalOption) *Signal[T] {
	s := &Signal[T]{def: definition{eventType: eventType, dataType: reflect.TypeFor[T]()}}
	s.data.New = func() any { return new(T) }
	var caller [1]uintptr
	runtime.Callers(2, caller[:])
	s.def.declared = caller[0]
	s.def.sendJSON = s.sendJSON
	s.def.decode = decodeJSON[T]
	s.def.receive = decodeAvro[T]
	for _, opt := range opts {
		if opt.apply != nil {
			opt.apply(&s.def)
		}
	}
	return s
}

// EventType returns the name of the signal.
func (s *Signal[T]) EventType() string { return s.def.eventType }

// MinorVersion returns the minor version of the event data.
func (s *Signal[T]) MinorVersion() int64 { return s.def.minorVersion }

// Doc returns the text given by [WithDoc].
func (s *Signal[T]) Doc() string { return s.def.doc }

// DataType returns the type T.
func (s *Signal[T]) DataType() reflect.Type { return s.def.dataType }

func (s *Signal[T]) base() *definition {
	if s == nil {
		return nil
	}
	return &s.def
}

// place returns the file and line of the NewSignal call.
func (d *definition) place() string {
	frame, _ := runtime.CallersFrames([]uintptr{d.declared}).Next()
	return fmt.Sprintf("%s:%d", frame.File, frame.Line)
}

// Send sends an event with the given data through r: to the receivers of the signal,
// and to every topic that the configuration of an attached [Dispatcher] enables. It
// returns when every topic has an outcome, or when ctx ends.
//
// The error joins everything that failed: a [*DeliveryError] for each topic that did not
// acknowledge the message, a [*ReceiverError] for each receiver that failed, an
// [*EncodeError] if the data cannot be encoded. If ctx ended first, the fate of a message is
// FatePending: the backend continues with it. [ErrNotRegistered], [ErrNoDispatcher] and
// [ErrClosed] mean that the event could not leave the process.
//
// An event without an enabled topic goes to the receivers only. That is not an error.
//
// Send encodes data before it returns, so the caller may change data afterwards. Send is
// safe for concurrent use.
func (s *Signal[T]) Send(ctx context.Context, r *Registry, data T, opts ...SendOption) error {
	e := r.entry(&s.def)
	if len(opts) == 0 && r.idle(e) {
		return nil
	}
	d, err := s.send(ctx, r, e, &data, opts)
	if err != nil {
		return err
	}
	return d.Wait(ctx)
}

// SendAsync is Send without the wait for outcomes. It returns when every message is in
// the bounded buffer of its backend. While the buffer is full, SendAsync blocks
// until there is room or ctx ends.
//
// A message of mode outbox that is sent outside a unit is stored before SendAsync returns.
//
// SendAsync returns an error if there were messages and none was accepted, or if the event
// could not be sent. Nothing will be published then, unless the error wraps
// [ErrCommitUnknown]. Otherwise it
// returns the Delivery, which is never nil. It tells the outcome of each message and holds
// the errors of receivers.
func (s *Signal[T]) SendAsync(ctx context.Context, r *Registry, data T, opts ...SendOption) (*Delivery, error) {
	e := r.entry(&s.def)
	if len(opts) == 0 && r.idle(e) {
		return r.nothing, nil
	}
	return s.send(ctx, r, e, &data, opts)
}

// send is not inlined into Send and SendAsync, so that an idle signal costs no stack.
//
//go:noinline
func (s *Signal[T]) send(ctx context.Context, r *Registry, e *entry, data *T, opts []SendOption) (*Delivery, error) {
	if e == nil {
		return nil, notRegistered(s.def.eventType)
	}
	var room [2]target
	var meta Metadata
	targets, err := r.admit(e, opts, &meta, room[:0])
	if err != nil {
		return nil, err
	}
	delivery := new(Delivery)
	held := s.data.Get().(*T) //nolint:forcetypeassert // set in NewSignal
	*held = *data
	delivery.publish(ctx, targets, &meta, Data{e, shape.RefOf(held)})
	var zero T
	*held = zero
	s.data.Put(held)
	if receivers := e.connected(); len(receivers) > 0 {
		callReceivers(ctx, receivers, Event[T]{meta, *data}, delivery)
	}
	return delivery.sent()
}

func (s *Signal[T]) sendJSON(ctx context.Context, r *Registry, e *entry, text []byte, opts []SendOption) (*Delivery, error) {
	var data T
	if err := e.decodeJSON(text, reflect.ValueOf(&data).Elem()); err != nil {
		return nil, err
	}
	return s.SendAsync(ctx, r, data, opts...)
}

func decodeJSON[T any](e *entry, text []byte) (Data, error) {
	data := reflect.New(reflect.TypeFor[T]()).Elem()
	if err := e.decodeJSON(text, data); err != nil {
		return Data{}, err
	}
	return Data{e, shape.RefOfValue(data)}, nil
}

func (e *entry) decodeJSON(text []byte, data reflect.Value) error {
	if err := e.data.DecodeJSON(text, data); err != nil {
		return &EncodeError{EventType: e.def.eventType, Fields: fieldErrors(err)}
	}
	return nil
}
