package kafka_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// patience is how long tests wait for a condition that must become true.
const patience = 30 * time.Second

const topic = "changes"

// changed is the data of the events. N counts the events of a key, from 1 on.
type changed struct {
	Key int64 `avro:"key"`
	N   int64 `avro:"n"`
}

var counterChanged = signalcast.NewSignal[changed]("org.example.counter.changed.v1")

// bus is an in-process cluster with a registry.
type bus struct {
	*kafkatest.Cluster

	schemas *kafkatest.Registry
	config  kafkaconfig.Config
	sent    *signalcast.Registry
}

func newBus(t *testing.T) *bus {
	t.Helper()
	return newBusWith(t, kfake.SeedTopics(3, topic))
}

func newBusWith(t *testing.T, options ...kfake.Opt) *bus {
	t.Helper()
	b := &bus{Cluster: kafkatest.NewCluster(t, options...), schemas: kafkatest.NewRegistry(t)}
	b.config = kafkaconfig.Config{Brokers: b.ListenAddrs(), SchemaRegistry: b.schemas.URL}
	b.connect(t)
	return b
}

// connect makes send use a new client, which knows the partitions that exist now.
func (b *bus) connect(t *testing.T) {
	t.Helper()
	backend, err := franz.New(b.config)
	require.NoError(t, err)
	b.sent = signalcast.NewRegistry()
	require.NoError(t, b.sent.Register(counterChanged))
	dispatcher, err := signalcast.NewDispatcher(t.Context(), b.sent, signalcast.ProducerConfig{
		counterChanged.EventType(): {topic: {EventKeyField: new("key"), Enabled: new(true)}},
	}, backend)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, dispatcher.Close(ctx))
	})
}

// admin returns a client for changing topics.
func (b *bus) admin(t testing.TB) *kadm.Client {
	t.Helper()
	admin, err := kadm.NewOptClient(kgo.SeedBrokers(b.ListenAddrs()...))
	require.NoError(t, err)
	t.Cleanup(admin.Close)
	return admin
}

// create creates topics that do not exist.
func (b *bus) create(t testing.TB, topics ...string) {
	t.Helper()
	created, err := b.admin(t).CreateTopics(t.Context(), 3, 1, nil, topics...)
	require.NoError(t, err)
	for _, c := range created {
		if !errors.Is(c.Err, kerr.TopicAlreadyExists) {
			require.NoError(t, c.Err)
		}
	}
}

// add raises the number of partitions of the topic.
func (b *bus) add(t testing.TB, total int) {
	t.Helper()
	done, err := b.admin(t).UpdatePartitions(t.Context(), total, topic)
	require.NoError(t, err)
	require.NoError(t, done.Error())
}

// remove removes the messages before an offset from the partitions that have that many.
func (b *bus) remove(t testing.TB, before int64) {
	t.Helper()
	admin := b.admin(t)
	ends, err := admin.ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	offsets := kadm.Offsets{}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset >= before {
			offsets.AddOffset(topic, end.Partition, before, -1)
		}
	})
	done, err := admin.DeleteRecords(t.Context(), offsets)
	require.NoError(t, err)
	require.NoError(t, done.Error())
}

// send sends the events from to to of each of some keys.
func (b *bus) send(t *testing.T, keys, from, to int64) {
	t.Helper()
	for n := from; n <= to; n++ {
		for key := range keys {
			require.NoError(t, counterChanged.Send(t.Context(), b.sent, changed{key, n}))
		}
	}
}

// account is what the receivers of all members have got.
type account struct {
	mu      sync.Mutex
	last    map[int64]int64 // the largest N of each key
	gaps    int             // events that came before an earlier one of their key
	again   int             // events that came again
	handled int
}

func newAccount() *account { return &account{last: map[int64]int64{}} }

func (a *account) receive(_ context.Context, e signalcast.Event[changed]) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.handled++
	switch last := a.last[e.Data.Key]; {
	case e.Data.N <= last:
		a.again++
	case e.Data.N > last+1:
		a.gaps++
		fallthrough
	default:
		a.last[e.Data.Key] = e.Data.N
	}
	return nil
}

// require waits until every key has had its events up to n, each once and in order.
func (a *account) require(t *testing.T, keys, n int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for key := range keys {
			if a.last[key] != n {
				return false
			}
		}
		return true
	}, patience, 5*time.Millisecond, "%v", a)
	a.mu.Lock()
	defer a.mu.Unlock()
	require.Zero(t, a.gaps, "events came out of order")
	require.Zero(t, a.again, "events came again")
}

// arrives waits for a value of c.
func arrives(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("nothing arrives")
	}
}

// member is a running consumer of the group.
type member struct {
	*consume.Consumer

	cancel context.CancelFunc
	ended  chan error
}

// stop ends the member, which must not fail.
func (m *member) stop(t *testing.T) {
	t.Helper()
	m.cancel()
	select {
	case err := <-m.ended:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("Run does not return")
	}
}

// start starts a member whose events go to receive.
func (b *bus) start(t *testing.T, receive func(context.Context, signalcast.Event[changed]) error, config consume.Config) *member {
	t.Helper()
	return b.startSource(t, kafka.Config{Group: "group", Topics: []string{topic}, Start: consume.Earliest()}, receive, config)
}

// startSource starts a member with a source of its own.
func (b *bus) startSource(
	t *testing.T, c kafka.Config, receive func(context.Context, signalcast.Event[changed]) error, config consume.Config,
) *member {
	t.Helper()
	c.Config = b.config
	source, err := kafka.New(c)
	require.NoError(t, err)
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(counterChanged))
	_, err = counterChanged.Connect(registry, receive)
	require.NoError(t, err)
	consumer, err := consume.New(registry, source, config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{consumer, cancel, make(chan error, 1)}
	go func() { m.ended <- consumer.Run(ctx) }()
	t.Cleanup(cancel)
	return m
}

// awaitBegin waits until the group has committed where it begins.
func (b *bus) awaitBegin(t *testing.T, c kafka.Config) {
	t.Helper()
	c.Config = b.config
	operator, err := kafka.New(c)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		lags, err := operator.Lag(t.Context())
		return err == nil && !slices.ContainsFunc(lags, func(l consume.Lag) bool { return l.Behind < 0 })
	}, patience, 5*time.Millisecond)
}
