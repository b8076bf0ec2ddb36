package otelsignalcast_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/otelsignalcast"
)

// with returns a metric as values names it. "@" in its attributes stands for the topic orders.
func with(name, attributes string) string {
	const topic = "messaging.destination.name=orders"
	return name + "{" + strings.Replace(attributes, "@", topic, 1) + "}"
}

func TestDispatcherMetricsAreItsCounters(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{})
	l.open(t, signalcast.WithDeadLetter("dead"))
	send := func(number string) error { return orderPlaced.Send(t.Context(), l.registry, order{number}) }
	require.NoError(t, send(secret))
	l.bus.Inject(memory.Fault{Topic: "orders", Times: 1, Err: errors.New("disk full")})
	require.Error(t, send(secret))
	require.ErrorIs(t, send(string(make([]byte, 1001))), signalcast.ErrTooLarge)
	require.Error(t, send("\xff"))
	require.NoError(t, l.dispatcher.SwitchOff(signalcast.Switch{Topic: "orders", Reason: "test"}))
	require.NoError(t, send(secret))
	require.NoError(t, l.dispatcher.SwitchOn("", "orders", ""))
	l.bus.Hold()
	_, err := orderPlaced.SendAsync(t.Context(), l.registry, order{secret})
	require.NoError(t, err)
	require.NoError(t, l.bus.Wait(t.Context(), func() bool { return len(l.bus.Troubles()) == 1 }))
	got := l.values(t)
	l.bus.Release()

	const eventType = "cloudevents.event_type=org.example.order.placed.v1,"
	usage := l.bus.Buffered()
	require.Equal(t, map[string]int64{
		with("messaging.client.sent.messages", eventType+"@,messaging.operation.name=send,signalcast.outcome=delivered"):      1,
		with("messaging.client.sent.messages", eventType+"@,messaging.operation.name=send,signalcast.outcome=failed"):         1,
		with("messaging.client.sent.messages", eventType+"@-dead,messaging.operation.name=send,signalcast.outcome=delivered"): 1,
		with("messaging.client.sent.messages", eventType+"@-dead,messaging.operation.name=send,signalcast.outcome=failed"):    0,

		with("signalcast.pending.messages", eventType+"@"):          1,
		with("signalcast.pending.messages", eventType+"@-dead"):     0,
		with("signalcast.rejected.messages", eventType+"@"):         1,
		with("signalcast.rejected.messages", eventType+"@-dead"):    0,
		with("signalcast.suppressed.messages", eventType+"@"):       1,
		with("signalcast.stored.messages", eventType+"@"):           0,
		with("signalcast.dead_letter.messages", eventType+"@-dead"): 1,

		"signalcast.invalid.events{}": 1, "signalcast.troubles{}": 1, "signalcast.switches{}": 0,

		"signalcast.buffer.messages{signalcast.buffer=main}":       1,
		"signalcast.buffer.messages.limit{signalcast.buffer=main}": int64(usage.MaxMessages),
		"signalcast.buffer.size{signalcast.buffer=main}":           got["signalcast.buffer.size{signalcast.buffer=main}"],
		"signalcast.buffer.size.limit{signalcast.buffer=main}":     usage.MaxBytes,

		with("messaging.client.operation.duration", "@,messaging.operation.name=send"):                      1,
		with("messaging.client.operation.duration", "@-dead,messaging.operation.name=send"):                 1,
		with("messaging.client.operation.duration", "error.type=_OTHER,@,messaging.operation.name=send"):    1,
		with("messaging.client.operation.duration", "error.type=too_large,@,messaging.operation.name=send"): 1,
	}, got)
	require.Positive(t, got["signalcast.buffer.size{signalcast.buffer=main}"])
}

func TestMetricsOfTwoDispatchersAreAddedUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{})
	l.open(t)
	l.open(t)
	require.NoError(t, orderPlaced.Send(t.Context(), l.registry, order{secret}))
	require.EqualValues(t, 2, l.values(t)[with("messaging.client.sent.messages",
		"cloudevents.event_type=org.example.order.placed.v1,@,messaging.operation.name=send,signalcast.outcome=delivered")])
}

func TestConsumerMetricsAreItsCountersAndState(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{})
	l.open(t)
	failed := make(chan struct{}, 1)
	c := consume.Config{Concurrency: 1, Retry: consume.Retry{Min: time.Hour, Max: time.Hour}}
	c.Hooks.Failed = func(*consume.Message, int, error) { failed <- struct{}{} }
	for _, number := range []string{"handled", "permanent", "temporary", "waiting"} {
		require.NoError(t, orderPlaced.Send(t.Context(), l.registry, order{number}))
	}
	l.receive(t, c, func(_ context.Context, e signalcast.Event[order]) error {
		switch e.Data.Number {
		case "permanent":
			return consume.ErrPermanent
		case "temporary":
			return errors.New("database is away")
		default:
			return nil
		}
	})
	<-failed
	<-failed
	const group, lagging = "messaging.consumer.group.name=invoices", "messaging.consumer.group.name=invoices,@,messaging.destination.partition.id=0"
	want := map[string]int64{
		with("messaging.client.consumed.messages", group+",@,messaging.operation.name=process,signalcast.outcome=handled"):       1,
		with("messaging.client.consumed.messages", group+",@,messaging.operation.name=process,signalcast.outcome=skipped"):       0,
		with("messaging.client.consumed.messages", group+",@,messaging.operation.name=process,signalcast.outcome=dead_lettered"): 1,
		with("messaging.client.consumed.messages", group+",@,messaging.operation.name=process,signalcast.outcome=dropped"):       0,

		with("signalcast.consumer.pending.messages", group+",@"): 2,
		with("signalcast.consumer.lost.messages", group+",@"):    0,
		with("signalcast.consumer.failed.attempts", group+",@"):  2,
		with("signalcast.consumer.retrying", group):              1,
		with("signalcast.consumer.troubles", group):              0,
		with("signalcast.consumer.lag", lagging):                 2,
		with("signalcast.consumer.oldest.age", lagging):          0,

		with("messaging.process.duration", "@,messaging.operation.name=process"):                      1,
		with("messaging.process.duration", "error.type=permanent,@,messaging.operation.name=process"): 1,
		with("messaging.process.duration", "error.type=_OTHER,@,messaging.operation.name=process"):    1,
	}
	var got map[string]int64
	require.Eventually(t, func() bool { // the lane is held after the hook
		got = l.values(t)
		return got[with("signalcast.consumer.retrying", group)] == 1
	}, patience, time.Millisecond)
	for name := range got {
		if strings.HasPrefix(name, "signalcast.consumer") || strings.Contains(name, "process") {
			require.Contains(t, want, name)
		}
	}
	for name, value := range want {
		require.Contains(t, got, name)
		require.Equal(t, value, got[name], name)
	}
}

// kafkaLike is a source of one message of a Kafka partition, which is a minute old.
type kafkaLike struct {
	consume.Source

	trace string
}

func (kafkaLike) Group() string { return "invoices" }

func (s kafkaLike) Run(ctx context.Context, in *consume.Intake) error {
	feed := in.Open(consume.FeedConfig{Topic: "orders", Partition: 3})
	defer feed.Close()
	feed.SetBacklog(5)
	feed.Add([]consume.Message{{
		Topic: "orders", Partition: 3, Offset: 42, Value: []byte{2, 'a'}, Time: time.Now().Add(-time.Minute),
		Attributes: consume.Attributes{Type: []byte(orderPlaced.EventType()), TraceParent: []byte(s.trace)},
	}})
	<-ctx.Done()
	return feed.Drain(context.WithoutCancel(ctx))
}

func TestConsumerShowsPartitionsOffsetsAndAges(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	parent, _ := l.inSpan(t)
	var seen map[string]int64
	consumer, err := consume.New(l.registry, kafkaLike{trace: l.TraceContext(parent).TraceParent}, consume.Config{
		HandleAll: true,
		Handle: func(ctx context.Context, e *signalcast.Received) error {
			defer cancel()
			const feed = "messaging.consumer.group.name=invoices,@,messaging.destination.partition.id=3"
			seen = l.values(t)
			require.EqualValues(t, 6, seen[with("signalcast.consumer.lag", feed)])
			require.InDelta(t, 60, seen[with("signalcast.consumer.oldest.age", feed)], 10)
			return l.Handle(ctx, e)
		},
	})
	require.NoError(t, err)
	l.ObserveConsumer(consumer)
	require.NoError(t, consumer.Run(ctx))
	require.NotEmpty(t, seen)
	got := attributes(l.span(t, "process orders").Attributes)
	require.Equal(t, "3", got["messaging.destination.partition.id"])
	require.EqualValues(t, 42, got["messaging.kafka.offset"])
}

func TestWatcherMetricsTellWhetherTheConfigurationIsInEffect(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{})
	file := filepath.Join(t.TempDir(), "site.yaml")
	write := func(text string) { require.NoError(t, os.WriteFile(file, []byte(text), 0o600)) }
	write("org.example.order.placed.v1: {orders: {event_key_field: number, enabled: true}}")
	loaded, err := configfile.Load(l.registry, configfile.File(file))
	require.NoError(t, err)
	d, err := signalcast.NewDispatcher(t.Context(), l.registry, loaded.Merged, l.bus)
	require.NoError(t, err)
	w, err := configfile.Watch(d, loaded, configfile.WatchConfig{Interval: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close(context.WithoutCancel(t.Context()))) })
	l.ObserveWatcher(w)
	state := func() []int64 {
		v := l.values(t)
		return []int64{v["signalcast.config.generation{}"], v["signalcast.config.reload.successful{}"]}
	}
	require.Equal(t, []int64{1, 1}, state())
	require.Equal(t, w.Status().LoadedAt.Unix(), l.values(t)["signalcast.config.reload.time{}"])
	write("org.example.order.placed.v1: {audit: {keyless: true, enabled: true}, orders: {keyless: true, enabled: true}}")
	require.NoError(t, w.Check(t.Context()))
	require.Equal(t, []int64{2, 1}, state())
	write("org.example.order.placed.v1: {orders: {enabled: maybe}}")
	require.Error(t, w.Check(t.Context()))
	require.Equal(t, []int64{2, 0}, state())
}

func TestCloseEndsTheObservation(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{})
	l.open(t)
	require.NotEmpty(t, l.values(t))
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	require.Empty(t, l.values(t))
	require.NoError(t, orderPlaced.Send(t.Context(), l.registry, order{secret}))
	require.Len(t, l.values(t), 1, "the histogram of the wrapped backend goes on")
}

func TestNewNeedsASystem(t *testing.T) {
	t.Parallel()
	_, err := otelsignalcast.New(otelsignalcast.Config{})
	require.ErrorIs(t, err, otelsignalcast.ErrNoSystem)
	require.EqualError(t, err, "new telemetry: found no System; want the kind of broker, such as kafka or redis")
}

func TestWrappedBackendConforms(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, backendtest.Harness{New: func(t testing.TB, limits backendtest.Limits) backendtest.Subject {
		opts := []memory.Option{memory.WithBuffer(limits.Messages, limits.Bytes)}
		if limits.FailFast {
			opts = append(opts, memory.FailFast())
		}
		b := memory.New(opts...)
		telemetry, err := otelsignalcast.New(otelsignalcast.Config{
			System: "memory", RootSpans: true, Propagate: true,
			TracerProvider: trace.NewTracerProvider(trace.WithSyncer(tracetest.NewInMemoryExporter())), MeterProvider: metric.NewMeterProvider(),
		})
		require.NoError(t, err)
		read := func(topic string) (records []backendtest.Record) {
			for _, m := range b.Messages(topic) {
				records = append(records, backendtest.Record{
					Key: m.Key, Value: m.Event.Value, Attributes: backendtest.Attributes(m.Event.Metadata),
				})
			}
			return records
		}
		return backendtest.Subject{Backend: telemetry.Wrap(b), Read: read, Stop: b.Hold, Start: b.Release}
	}})
}
