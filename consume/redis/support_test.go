package redis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
)

// patience is how long tests wait for a condition that must become true.
const patience = 30 * time.Second

const stream = "changes"

// changed is the data of the events. N counts the events of a key, from 1 on.
type changed struct {
	Key int64 `avro:"key"`
	N   int64 `avro:"n"`
}

var counterChanged = signalcast.NewSignal[changed]("org.example.counter.changed.v1")

func producers() signalcast.ProducerConfig {
	return signalcast.ProducerConfig{counterChanged.EventType(): {stream: {EventKeyField: new("key"), Enabled: new(true)}}}
}

// bus is a server with a sender.
type bus struct {
	commands

	url  string
	sent *signalcast.Registry
}

// commands is the part of a client that the tests use. An embedded client would cost seconds of compiling, for its 700 methods.
type commands interface {
	Close() error
	Del(ctx context.Context, keys ...string) *goredis.IntCmd
	Do(ctx context.Context, args ...any) *goredis.Cmd
	Exists(ctx context.Context, keys ...string) *goredis.IntCmd
	Info(ctx context.Context, sections ...string) *goredis.StringCmd
	Set(ctx context.Context, key string, value any, expiration time.Duration) *goredis.StatusCmd
	SetArgs(ctx context.Context, key string, value any, a goredis.SetArgs) *goredis.StatusCmd
	TxPipelined(ctx context.Context, commands func(goredis.Pipeliner) error) ([]goredis.Cmder, error)
	XAck(ctx context.Context, stream, group string, ids ...string) *goredis.IntCmd
	XAdd(ctx context.Context, a *goredis.XAddArgs) *goredis.StringCmd
	XClaim(ctx context.Context, a *goredis.XClaimArgs) *goredis.XMessageSliceCmd
	XGroupCreate(ctx context.Context, stream, group, start string) *goredis.StatusCmd
	XInfoGroups(ctx context.Context, key string) *goredis.XInfoGroupsCmd
	XPending(ctx context.Context, stream, group string) *goredis.XPendingCmd
	XRange(ctx context.Context, stream, start, stop string) *goredis.XMessageSliceCmd
	XReadGroup(ctx context.Context, a *goredis.XReadGroupArgs) *goredis.XStreamSliceCmd
	XTrimMaxLen(ctx context.Context, key string, maxLen int64) *goredis.IntCmd
}

func newBus(t *testing.T) (*bus, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	return connect(t, "redis://"+server.Addr()), server
}

func connect(t *testing.T, url string) *bus {
	t.Helper()
	options, err := goredis.ParseURL(url)
	require.NoError(t, err)
	b := &bus{commands: goredis.NewClient(options), url: url, sent: signalcast.NewRegistry()}
	backend, err := redisbus.New(redisbus.Config{URL: url, ReadTimeout: patience}) // a slow test sends no event twice
	require.NoError(t, err)
	require.NoError(t, b.sent.Register(counterChanged))
	dispatcher, err := signalcast.NewDispatcher(t.Context(), b.sent, producers(), backend)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, dispatcher.Close(ctx))
		require.NoError(t, b.Close())
	})
	return b
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

func (b *bus) source(t *testing.T, c redis.Config) *redis.Source {
	t.Helper()
	c.Server.URL, c.Topics = b.url, []string{stream}
	source, err := redis.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = source.Close() })
	return source
}

// start starts a member whose events go to receive.
func (b *bus) start(t *testing.T, receive func(context.Context, signalcast.Event[changed]) error, config consume.Config) *member {
	t.Helper()
	return run(t, b.source(t, redis.Config{Group: "group", Lease: 400 * time.Millisecond}), receive, config)
}

func run(t *testing.T, source consume.Source, receive func(context.Context, signalcast.Event[changed]) error, config consume.Config) *member {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(counterChanged))
	_, err := counterChanged.Connect(registry, receive)
	require.NoError(t, err)
	config.Keys = producers()
	consumer, err := consume.New(registry, source, config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{consumer, cancel, make(chan error, 1)}
	go func() { m.ended <- consumer.Run(ctx) }()
	t.Cleanup(cancel)
	return m
}
