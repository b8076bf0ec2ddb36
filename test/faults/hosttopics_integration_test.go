//go:build integration

package faults_test

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/internal/kafkatest"
	"github.com/signalcast/signalcast/test/hosts"
)

const (
	manyTopics = 1000
	// mostAttempts bounds the attempts to connect in a second while a server is unreachable.
	mostAttempts = 50
	// mostDescriptors bounds the descriptors of a backend with three servers, however many topics there are.
	mostDescriptors = 200
	// mostGoroutines bounds the goroutines: two for each topic, one of which looks for the leader, and those of the test.
	mostGoroutines = 2*manyTopics + 200
)

// usage is what the process uses at a moment, and its attempts to connect until then.
type usage struct {
	Goroutines, Descriptors int
	connects                int
}

func usageNow() (u usage) {
	u.Goroutines = runtime.NumGoroutine()
	descriptors, _ := os.ReadDir("/proc/self/fd")
	u.Descriptors = len(descriptors)
	counters, _ := os.ReadFile("/proc/self/net/snmp")
	var names []string // the first line of Tcp; the second has the values
	for line := range strings.Lines(string(counters)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		u.connects, _ = strconv.Atoi(fields[slices.Index(names, "ActiveOpens")])
	}
	return u
}

// manyResult is one row of the table.
type manyResult struct {
	Client, Fault       string
	Topics, Failed      int
	Before, Most, After usage
	// Connects and MostConnects are the attempts to connect in a second during the fault: on average, and at most.
	Connects, MostConnects       int
	HealthyBefore, HealthyDuring latency
	problems                     []string
}

func (r manyResult) Problems() string { return problemsCell(r.problems) }

// manyTarget is a backend with many topics on three servers. The first server becomes unreachable.
type manyTarget struct {
	client  string
	open    func(testing.TB) backend
	broken  []*signalcast.Message // to topics of the first server
	healthy []*signalcast.Message // to topics of the others
	first   hosts.Host
}

// testManyTopics makes the first of three servers unreachable while messages to many topics are published.
func testManyTopics(t *testing.T, n *hosts.Network) {
	if !*full {
		t.Skip("part of the full suite")
	}
	var rows []manyResult
	for _, servers := range []struct {
		name  string
		start func(*testing.T, *hosts.Network) []manyTarget
	}{{"streams", manyStreams}, {"topics", manyKafkaTopics}} {
		t.Run(servers.name, func(t *testing.T) {
			for _, target := range servers.start(t, n) {
				rows = append(rows, target.runAll(t, n)...)
			}
		})
	}
	if *write != "" {
		writeHostSection(t, *write, "A thousand topics, one of three servers unreachable", manyTemplate, map[string]any{"Rows": rows})
	}
}

// runAll runs each fault.
func (p manyTarget) runAll(t *testing.T, n *hosts.Network) (rows []manyResult) {
	t.Helper()
	for _, fault := range []struct {
		name, text string
		begin, end func(from, to hosts.Host) error
	}{
		{"dropped", "packets to one of three servers dropped for 10 s", n.Drop, n.Pass},
		{"rejected", "one of three servers reported as unreachable for 10 s", n.Reject, n.Admit},
	} {
		t.Run(p.client+"-"+fault.name, func(t *testing.T) {
			r := p.run(t, func() error { return fault.begin(n.Client, p.first) }, func() error { return fault.end(n.Client, p.first) })
			r.Fault = fault.text
			t.Logf("%+v", r)
			rows = append(rows, r)
			for _, problem := range r.problems {
				t.Error(problem)
			}
		})
	}
	return rows
}

//go:embed many.md.tmpl
var manyTemplate string

// run publishes a message every second to each topic of the first server, and 200 messages a second to the other topics.
func (p manyTarget) run(t *testing.T, begin, end func() error) manyResult {
	t.Helper()
	b := p.open(t)
	r := manyResult{Client: p.client, Topics: len(p.broken) + len(p.healthy)}
	var failed atomic.Int64
	publish := func(m *signalcast.Message) {
		done := func(_ signalcast.Receipt, err error) {
			if err != nil {
				failed.Add(1)
			}
		}
		if err := b.Publish(context.Background(), m, done); err != nil {
			done(signalcast.Receipt{}, err)
		}
	}
	for _, m := range slices.Concat(p.broken, p.healthy) {
		publish(m)
	}
	require.NoError(t, b.Flush(t.Context())) // the client knows all topics then
	stop := startBystander(b, p.healthy)
	ending := make(chan struct{})
	var publishers sync.WaitGroup
	publishers.Go(func() {
		pause := time.Second / time.Duration(len(p.broken))
		for i := 0; ; i++ {
			select {
			case <-ending:
				return
			case <-time.After(pause):
			}
			publish(p.broken[i%len(p.broken)])
		}
	})
	<-time.After(5 * time.Second)
	r.Before = usageNow()
	began := time.Now()
	require.NoError(t, begin())
	first := usageNow()
	last := first
	for range 10 {
		<-time.After(time.Second)
		now := usageNow()
		r.Most.Goroutines, r.Most.Descriptors = max(r.Most.Goroutines, now.Goroutines), max(r.Most.Descriptors, now.Descriptors)
		r.MostConnects = max(r.MostConnects, now.connects-last.connects)
		last = now
	}
	r.Connects = (last.connects - first.connects + 9) / 10 // rounded up
	require.NoError(t, end())
	ended := time.Now()
	<-time.After(3 * time.Second)
	close(ending)
	publishers.Wait()
	samples := stop()
	r.HealthyBefore, r.HealthyDuring = samples.between(began.Add(-4*time.Second), began), samples.between(began, ended)
	ctx, cancel := context.WithTimeout(t.Context(), delivery)
	defer cancel()
	require.NoError(t, b.Flush(ctx))
	r.After = usageNow()
	r.Failed = int(failed.Load()) + samples.failed
	_ = b.Close(ctx)
	r.checkBounds()
	return r
}

// checkBounds adds a problem for each bound that is exceeded.
func (r *manyResult) checkBounds() {
	for _, bound := range []struct {
		what        string
		found, most int
	}{
		{"attempts to connect in a second", r.MostConnects, mostAttempts},
		{"descriptors", r.Most.Descriptors, mostDescriptors},
		{"goroutines", r.Most.Goroutines, mostGoroutines},
		{"failed messages", r.Failed, 0},
	} {
		if bound.found > bound.most {
			r.problems = append(r.problems, fmt.Sprintf("found %d %s; want at most %d", bound.found, bound.what, bound.most))
		}
	}
}

// manyStreams starts a Redis Cluster of three masters.
func manyStreams(t *testing.T, n *hosts.Network) []manyTarget {
	t.Helper()
	c := newHostCluster(t, n, "many", 3)
	p := manyTarget{client: "redis", first: c.servers[0].host, open: func(t testing.TB) backend {
		t.Helper()
		b, err := redis.New(redis.Config{Addrs: c.addrs})
		require.NoError(t, err)
		return b
	}}
	for i := range manyTopics {
		m := kafkatest.Numbered(fmt.Sprint("many-", i), 1, i)
		m.Event.ContentType = "application/avro"
		slot, err := c.clients[0].ClusterKeySlot(t.Context(), m.Topic).Result()
		require.NoError(t, err)
		if slot < 16384/3 { // of the first of three masters
			p.broken = append(p.broken, m)
		} else {
			p.healthy = append(p.healthy, m)
		}
	}
	return []manyTarget{p}
}

// manyKafkaTopics starts three brokers. Each topic has one partition with one replica.
func manyKafkaTopics(t *testing.T, n *hosts.Network) (targets []manyTarget) {
	t.Helper()
	c := newHostKafka(t, n)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	admin := kadm.NewClient(c.admin)
	p := manyTarget{first: c.hosts[0]}
	var names []string
	for i := range manyTopics {
		names = append(names, fmt.Sprint("many-", i))
	}
	for batch := range slices.Chunk(names, 100) {
		_, err := admin.CreateTopics(ctx, 1, 1, map[string]*string{"min.insync.replicas": new("1")}, batch...)
		require.NoError(t, err)
	}
	var details kadm.TopicDetails
	require.Eventually(t, func() bool {
		var err error
		details, err = admin.ListTopics(ctx, names...)
		return err == nil && !slices.ContainsFunc(names, func(name string) bool {
			return len(details[name].Partitions) != 1 || details[name].Partitions[0].Leader < 0
		})
	}, time.Minute, 500*time.Millisecond)
	for i, name := range names {
		m := kafkatest.Numbered(name, 1, i)
		if details[name].Partitions[0].Leader == 1 {
			p.broken = append(p.broken, m)
		} else {
			p.healthy = append(p.healthy, m)
		}
	}
	for _, client := range []kafkaClient{kafkaGo, franzGo} {
		p.client = client.name
		p.open = func(t testing.TB) backend {
			t.Helper()
			return client.open(t, kafkaconfig.Config{Brokers: c.brokers})
		}
		targets = append(targets, p)
	}
	return targets
}
