//go:build integration

package soak_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast"
	kafkabackend "github.com/signalcast/signalcast/backends/kafka"
	redisbackend "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
	"github.com/signalcast/signalcast/consume/redis"
	"github.com/signalcast/signalcast/inbox"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
	"github.com/signalcast/signalcast/test/soak"
)

var (
	busNames = []string{"redis", "kafka"}
	kinds    = []string{"direct", "stored", "switched", "reloaded"} // each is the name of a topic
	rates    = map[string]int{"direct": 30, "stored": 20, "switched": 15, "reloaded": 15}
	signals  = map[string]*signalcast.Signal[counted]{
		"direct":   signalcast.NewSignal[counted]("org.example.direct.counted.v1"),
		"stored":   signalcast.NewSignal[counted]("org.example.stored.counted.v1"),
		"switched": signalcast.NewSignal[counted]("org.example.switched.counted.v1"),
		"reloaded": signalcast.NewSignal[counted]("org.example.reloaded.counted.v1"),
	}
)

const (
	keys        = 8 // of each service and kind
	maxInFlight = 200
)

// counted is the data of all events.
type counted struct {
	Key  string `avro:"key"` // begins with the name of the service
	N    int64  `avro:"n"`
	Text string `avro:"text"`
}

var errUnlucky = errors.New("receiver fails at random")

// bus is what a service has for one bus.
type bus struct {
	*service

	bus                string
	store              *postgres.Store
	registry           *signalcast.Registry
	dispatcher         *signalcast.Dispatcher
	watcher            *configfile.Watcher
	relay              *outbox.Relay
	consumer           *consume.Consumer
	source             consume.Source
	switched, reloaded routeState
	reloads, switches  atomic.Int64
	reported           map[string]bool // the topics that check has reported
}

// routeState is what the sender of a kind knows about its route. One goroutine at a time sets it. The two lowest bits hold the state and
// the others count the changes, so two equal values mean that the route did not change between them.
type routeState struct{ v atomic.Int64 }

const (
	routeChanging = iota
	routeOn
	routeOff
	stateBits = 3
)

func (s *routeState) set(to int64)     { s.v.Store(s.v.Load()&^stateBits + stateBits + 1 + to) }
func (s *routeState) load() int64      { return s.v.Load() }
func (s *routeState) is(to int64) bool { return s.v.Load()&stateBits == to }

func (s *service) open(ctx context.Context, name string) (b *bus, err error) {
	b = &bus{service: s, bus: name, registry: signalcast.NewRegistry(), reported: map[string]bool{}}
	b.switched.set(routeOn)
	b.reloaded.set(routeOn)
	if b.store, err = postgres.New(postgres.Config{Pool: s.pool, Table: "outbox_" + name, Notify: true, Logger: s.logger}); err != nil {
		return nil, err
	}
	if err := b.store.Migrate(ctx); err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		if err := b.registry.Register(signals[kind]); err != nil {
			return nil, err
		}
	}
	backend, err := b.openBackend()
	if err != nil {
		return nil, err
	}
	if err := b.openDispatcher(ctx, backend); err != nil {
		return nil, err
	}
	b.relay, err = outbox.NewRelay(b.store, backend, outbox.Config{Lease: 2 * time.Second, MaxInFlight: maxInFlight, Logger: s.logger})
	if err != nil {
		return nil, err
	}
	return b, b.openConsumer()
}

func (b *bus) openBackend() (signalcast.Backend, error) {
	if b.bus == "redis" {
		return redisbackend.New(redisbackend.Config{URL: os.Getenv(redisVariable), MaxLen: 20_000, ReadTimeout: 2 * time.Second})
	}
	return kafkabackend.New(b.kafka())
}

func (b *bus) kafka() kafkabackend.Config {
	return kafkabackend.Config{
		Brokers: []string{os.Getenv(brokersVariable)}, SchemaRegistry: os.Getenv(registryVariable),
		RequestTimeout: 5 * time.Second, DialTimeout: 2 * time.Second,
	}
}

// config returns the configuration. The n-th one differs in a topic that is not enabled.
func config(reloaded bool, n int) signalcast.ProducerConfig {
	c := signalcast.ProducerConfig{}
	for _, kind := range kinds {
		topic := signalcast.TopicConfig{EventKeyField: new("key"), Enabled: new(kind != "reloaded" || reloaded), Mode: new(signalcast.ModeImmediate)}
		if kind == "stored" {
			topic.Mode = new(signalcast.ModeOutbox)
		}
		c[signals[kind].EventType()] = map[string]signalcast.TopicConfig{kind: topic}
	}
	c[signals["direct"].EventType()][fmt.Sprint("spare-", n%3)] = signalcast.TopicConfig{EventKeyField: new("key"), Enabled: new(false)}
	return c
}

func (b *bus) file() string {
	return filepath.Join(os.Getenv(folderVariable), b.name+"-"+b.bus+".json")
}

func (b *bus) openDispatcher(ctx context.Context, backend signalcast.Backend) error {
	if err := b.write(config(true, 0)); err != nil {
		return err
	}
	loaded, err := configfile.Load(b.registry, configfile.File(b.file()))
	if err != nil {
		return err
	}
	b.dispatcher, err = signalcast.NewDispatcher(ctx, b.registry, loaded.Merged, backend, signalcast.WithOutbox(b.store),
		signalcast.WithLogger(b.logger), signalcast.WithHooks(signalcast.Hooks{Reloaded: b.onReload}))
	if err != nil {
		return err
	}
	b.watcher, err = configfile.Watch(b.dispatcher, loaded, configfile.WatchConfig{Interval: 200 * time.Millisecond, Logger: b.logger})
	return err
}

func (b *bus) onReload(c signalcast.Change) {
	b.reloads.Add(1)
	isReloaded := func(r signalcast.Route) bool { return r.Topic == "reloaded" }
	if slices.ContainsFunc(c.Started, isReloaded) {
		b.reloaded.set(routeOn)
	}
	if slices.ContainsFunc(c.Stopped, isReloaded) {
		b.reloaded.set(routeOff)
	}
}

// write replaces the file of the configuration.
func (b *bus) write(c signalcast.ProducerConfig) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(b.file(), text, 0o600)
}

// reload writes a configuration every second. Each tenth one is cut short, and must have no effect.
func (b *bus) reload(ctx context.Context) {
	enabled := true
	for n := 1; pause(ctx, time.Second); n++ {
		var err error
		switch {
		case n%10 == 0:
			err = os.WriteFile(b.file(), []byte(`{"org.example.direct.counted.v1": {"direct": {"ena`), 0o600)
		case b.reloaded.is(routeChanging): // the last change has not taken effect
			err = b.write(config(enabled, n))
		default:
			enabled = !enabled
			b.reloaded.set(routeChanging)
			err = b.write(config(enabled, n))
		}
		if err != nil {
			b.report("%s: %v", b.file(), err)
		}
	}
}

// flipSwitch turns the route of a kind off and on with a switch, until ctx ends.
func (b *bus) flipSwitch(ctx context.Context) {
	for pause(ctx, 500*time.Millisecond+rand.N(2*time.Second)) {
		b.switched.set(routeChanging)
		err := b.dispatcher.SwitchOff(signalcast.Switch{Topic: "switched", Reason: "soak", By: "soak"})
		b.switched.set(routeOff)
		pause(ctx, 500*time.Millisecond+rand.N(2*time.Second))
		b.switched.set(routeChanging)
		err = errors.Join(err, b.dispatcher.SwitchOn("", "switched", "soak"))
		b.switched.set(routeOn)
		b.switches.Add(1)
		if err != nil {
			b.report("%s: switch: %v", b.name, err)
		}
	}
}

// sent is an event that waits for its fate.
type sent struct {
	series   string
	n        int64
	delivery *signalcast.Delivery
}

// send sends events until ctx ends. All have a fate when the group is done.
func (b *bus) send(ctx context.Context, group *sync.WaitGroup) {
	group.Go(func() { b.reload(ctx) })
	group.Go(func() { b.flipSwitch(ctx) })
	always := new(routeState)
	always.set(routeOn)
	states := map[string]*routeState{"direct": always, "switched": &b.switched, "reloaded": &b.reloaded}
	for kind, route := range states {
		waiting := make(chan sent, 50_000)
		group.Go(func() {
			defer close(waiting)
			b.generate(ctx, kind, func(series string, c counted) { b.sendAsync(kind, series, c, route, waiting) })
		})
		group.Go(func() {
			for s := range waiting {
				<-s.delivery.Done()
				b.noteFate(s.series, s.n, s.delivery.Wait(context.Background()))
			}
		})
	}
	group.Go(func() { b.generate(ctx, "stored", b.sendStored) })
}

// generate calls send with new events at the rate of the kind, until ctx ends. The journal has each event before the call.
func (b *bus) generate(ctx context.Context, kind string, send func(series string, c counted)) {
	ticks := time.NewTicker(time.Second / time.Duration(rates[kind]))
	defer ticks.Stop()
	text := string(make([]byte, 100))
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		c := counted{Key: fmt.Sprint(b.name, rand.N(keys)), N: b.number.Add(1), Text: text}
		series := b.bus + "/" + kind + "/" + c.Key
		b.note("%s %s %d", soak.Sent, series, c.N)
		send(series, c)
	}
}

func (b *bus) sendAsync(kind, series string, c counted, route *routeState, waiting chan<- sent) {
	before := route.load()
	delivery, err := signals[kind].SendAsync(context.Background(), b.registry, c)
	after := route.load()
	switch {
	case err != nil:
		b.noteFate(series, c.N, err)
	case before != after || before&stateBits == routeChanging:
		b.note("%s %s %d", soak.Uncertain, series, c.N)
	case before&stateBits == routeOff:
		b.note("%s %s %d", soak.Off, series, c.N)
	case len(delivery.Results()) == 0:
		b.report("%s %d: sent to no topic, and the route is on", series, c.N)
	default:
		waiting <- sent{series, c.N, delivery}
	}
}

// sendStored sends an event in a transaction.
func (b *bus) sendStored(series string, c counted) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := b.store.InTx(ctx, func(ctx context.Context, _ pgx.Tx) error { return signals["stored"].Send(ctx, b.registry, c) })
	switch {
	case err == nil:
		b.note("%s %s %d", soak.Acked, series, c.N)
	case errors.Is(err, signalcast.ErrCommitUnknown):
		b.note("%s %s %d", soak.Unknown, series, c.N)
	default:
		b.note("%s %s %d", soak.NotWritten, series, c.N)
	}
}

// noteFate writes the fate of an event that was sent directly into the journal. err is the result of sending it.
func (b *bus) noteFate(series string, n int64, err error) {
	verb := soak.Acked
	if err != nil {
		verb = soak.Unknown
		if failure, ok := errors.AsType[*signalcast.DeliveryError](err); ok && failure.Fate == signalcast.FateNotWritten {
			verb = soak.NotWritten
		}
		b.logger.Warn("event not acknowledged", "series", series, "error", err) //nolint:sloglint // for the reader of the log
	}
	b.note("%s %s %d", verb, series, n)
}

func (b *bus) openConsumer() (err error) {
	registry := signalcast.NewRegistry()
	for _, kind := range kinds {
		if err := registry.Register(signals[kind]); err != nil {
			return err
		}
		if _, err := signals[kind].Connect(registry, func(ctx context.Context, e signalcast.Event[counted]) error {
			return b.handle(ctx, kind, e)
		}); err != nil {
			return err
		}
	}
	if b.bus == "redis" {
		b.source, err = redis.New(redis.Config{Server: redisbackend.Config{URL: os.Getenv(redisVariable), ReadTimeout: 2 * time.Second}, Group: "soak", Topics: kinds})
	} else {
		b.source, err = kafka.New(kafka.Config{Config: b.kafka(), Group: "soak", Topics: kinds, Start: consume.Earliest(), SessionTimeout: 10 * time.Second})
	}
	if err != nil {
		return err
	}
	b.consumer, err = consume.New(registry, b.source, consume.Config{Keys: config(true, 0), Concurrency: 8, MaxInFlight: maxInFlight, Logger: b.logger})
	return err
}

// handle has its effect once for each event, and writes each success into the journal.
func (b *bus) handle(ctx context.Context, kind string, e signalcast.Event[counted]) error {
	if rand.N(200) == 0 {
		return errUnlucky
	}
	series := b.bus + "/" + kind + "/" + e.Data.Key
	err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		first, err := inbox.First(ctx, inbox.Pgx(tx), "soak", e.ID)
		if err != nil || !first {
			return err
		}
		_, err = tx.Exec(ctx, `insert into effects (series, n) values ($1, $2)`, series, e.Data.N)
		return err
	})
	if err == nil {
		b.note("%s %s %d", soak.Handled, series, e.Data.N)
	}
	return err
}

// check reports counts that do not add up, once for each topic.
func (b *bus) check() {
	once := func(topic, format string, args ...any) {
		if !b.reported[topic] {
			b.reported[topic] = true
			b.report("service %s, %s %s: %s", b.name, b.bus, topic, fmt.Sprintf(format, args...))
		}
	}
	for topic, c := range b.consumer.Stats().Topics {
		if c.Received != c.Handled+c.Skipped+c.DeadLettered+c.Dropped+c.Returned+c.Pending || c.Pending < 0 {
			once(topic, "counts of the consumer do not add up: %+v", c)
		}
		if c.Skipped+c.DeadLettered+c.Dropped+c.Lost > 0 {
			once(topic, "messages were not handled: %+v", c)
		}
	}
	s := b.dispatcher.Stats()
	if s.Accepted != s.Delivered+s.Failed+s.Pending || s.Pending < 0 || s.Invalid+s.Panics > 0 {
		once("", "counts of the dispatcher do not add up: %+v", s)
	}
}

func (b *bus) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := errors.Join(b.watcher.Close(ctx), b.dispatcher.Close(ctx))
	if closer, ok := b.source.(interface{ Close() error }); ok {
		err = errors.Join(err, closer.Close())
	}
	b.store.Close()
	return err
}
