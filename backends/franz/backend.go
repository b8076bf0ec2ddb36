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

// Backend publishes messages to Kafka. All methods are safe for concurrent use.
type Backend struct{ bus *kafkabus.Bus }

// New returns a backend for the brokers of c. If c is invalid, the error joins a
// *kafkaconfig.ConfigError for each fault. New does not connect, so a broker may be
// unreachable.
func New(c Config) (*Backend, error) {
	checked, err := kafkabus.Check(c)
	if err != nil {
		return nil, err
	}
	troubles := backendkit.NewTroubles(backendkit.NewLog(c.Logger))
	w, err := newWriter(checked, troubles)
	if err != nil {
		return nil, err
	}
	bus, err := kafkabus.New(checked, troubles, w)
	if err != nil {
		w.Close()
		return nil, err
	}
	return &Backend{bus}, nil
}

// String returns the brokers and the registry, without credentials.
func (b *Backend) String() string { return "franz.Backend{" + b.bus.String() + "}" }

// Format writes String for every verb.
func (b *Backend) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, b.String()) }

// Prepare checks the names of topics by the rules of Kafka, and event types by those of Avro
// namespaces, which do not allow a hyphen. Then it registers the schemas of the enabled routes,
// unless Config.RegisterOnUse is set. The error has a *kafkaconfig.SchemaError if the registry
// rejects a schema. If the registry is unreachable for Config.SchemaTimeout, Prepare logs a warning
// and returns nil, and the schemas are registered with the first messages. Prepare does not
// connect to the brokers.
func (b *Backend) Prepare(ctx context.Context, routes []signalcast.Route) error {
	return b.bus.Prepare(ctx, routes)
}

// Publish accepts m into the buffer. See [signalcast.Backend]. The receipt holds the partition
// and the offset. The error given to done is a *signalcast.DeliveryError.
func (b *Backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	return b.bus.Publish(ctx, m, done)
}

// Flush blocks until every message that was accepted before the call has an outcome.
func (b *Backend) Flush(ctx context.Context) error { return b.bus.Flush(ctx) }

// Close rejects new messages, waits for the outcome of accepted ones and closes the
// connections. If ctx ends first, the remaining messages fail with ErrClosed, and the error of
// Close has their number and wraps ctx.Err().
func (b *Backend) Close(ctx context.Context) error { return b.bus.Close(ctx) }

// Unacknowledged returns the number of accepted messages that have no outcome.
func (b *Backend) Unacknowledged() int { return b.bus.Unacknowledged() }

// Troubles returns the topics that cannot be written at present, with the cause.
func (b *Backend) Troubles() []signalcast.Trouble { return b.bus.Troubles() }

// Buffered returns the use of the buffer.
func (b *Backend) Buffered() signalcast.BufferUsage { return b.bus.Buffered() }

// UseLogger sets the logger if Config.Logger is nil. The dispatcher calls it.
func (b *Backend) UseLogger(l *slog.Logger) { b.bus.UseLogger(l) }

// Panics returns the number of recovered panics of the log handler.
func (b *Backend) Panics() int64 { return b.bus.Panics() }
