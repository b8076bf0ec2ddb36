package franz

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

var _ signalcast.Backend = (*Backend)(nil)

// Backend publishes messages to Kafka. Its methods may be called from many
// goroutines at the same time.
type Backend struct{ bus *kafkabus.Bus }

// New returns a backend for the brokers that c names. It checks c and reports
// every fault, each as a *kafkaconfig.ConfigError. It does not connect: brokers that are
// away are connected to when they are back.
func New(c Config) (*Backend, error) {
	checked, err := kafkabus.Check(c)
	if err != nil {
		return nil, err
	}
	log := backendkit.NewLog(c.Logger)
	w, err := newWriter(checked, log)
	if err != nil {
		return nil, err
	}
	bus, err := kafkabus.New(checked, log, w)
	if err != nil {
		w.Close()
		return nil, err
	}
	return &Backend{bus}, nil
}

// String says where the backend writes, without credentials.
func (b *Backend) String() string { return "franz.Backend{" + b.bus.String() + "}" }

// Format writes String for every verb.
func (b *Backend) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, b.String()) }

// Prepare rejects topics with names that are illegal in Kafka, and event types
// that are illegal as the namespace of an Avro schema, those with a hyphen say.
// Then it registers the schemas of the enabled routes, unless
// Config.RegisterOnUse leaves that for later: a registry that rejects one or
// cannot be reached until ctx ends, or within 30 s, is a *kafkaconfig.SchemaError. It does
// not ask the brokers.
func (b *Backend) Prepare(ctx context.Context, routes []signalcast.Route) error {
	return b.bus.Prepare(ctx, routes)
}

// Publish takes m into the buffer; see [signalcast.Backend]. The receipt holds
// the partition and the offset. When done gets an error it is a
// *signalcast.DeliveryError.
func (b *Backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	return b.bus.Publish(ctx, m, done)
}

// Flush waits until the outcome of every message taken before the call was reported.
func (b *Backend) Flush(ctx context.Context) error { return b.bus.Flush(ctx) }

// Close stops taking messages, waits for the outcome of those taken and closes
// the connections. Messages that are left when ctx ends fail with ErrClosed;
// Close then returns ctx's error and says how many they were.
func (b *Backend) Close(ctx context.Context) error { return b.bus.Close(ctx) }

// Unacknowledged returns the number of messages that were taken and whose
// outcome has not been reported.
func (b *Backend) Unacknowledged() int { return b.bus.Unacknowledged() }

// UseLogger sets the logger if Config.Logger is nil. A [signalcast.Dispatcher] calls it.
func (b *Backend) UseLogger(l *slog.Logger) { b.bus.UseLogger(l) }
