//go:build integration

package scale_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast/test/ports"
	"github.com/signalcast/signalcast/test/scale"
)

// brokers are three brokers behind taps, and a schema registry. The brokers and the test itself do not use the taps. Each partition has
// one replica: the requests among brokers do not belong to the producers, and would cost more than theirs on two processors.
type brokers struct {
	servers    []*server
	taps       []*scale.Tap
	admin      *kgo.Client
	registry   *registry
	partitions int // of each topic
}

const nodes = 3

func startBrokers(t *testing.T, partitions int) *brokers {
	t.Helper()
	b := &brokers{registry: startRegistry(t), partitions: partitions}
	var plain, internal [nodes]int // ports; the controller of a broker uses the port after its plain one
	var voters, seeds []string
	for i := range nodes {
		plain[i], internal[i] = ports.Pair(t), ports.Pair(t)
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, plain[i]+1))
		seeds = append(seeds, fmt.Sprint("127.0.0.1:", internal[i]))
		tap, err := scale.NewTap(fmt.Sprint("127.0.0.1:", plain[i]))
		require.NoError(t, err)
		t.Cleanup(tap.Close)
		b.taps = append(b.taps, tap)
	}
	started := make(chan error, nodes)
	for i := range nodes {
		s := newServer(t, "kafka.sh", fmt.Sprint("kafka-", i+1))
		b.servers = append(b.servers, s)
		listeners := func(addr string) string {
			return fmt.Sprintf("PLAINTEXT://%s,INTERNAL://127.0.0.1:%d", addr, internal[i])
		}
		go func() {
			started <- s.start("--port", strconv.Itoa(plain[i]),
				"--set", fmt.Sprint("node.id=", i+1), "--set", "controller.quorum.voters="+strings.Join(voters, ","),
				"--set", fmt.Sprintf("listeners=%s,CONTROLLER://127.0.0.1:%d", listeners(fmt.Sprint("127.0.0.1:", plain[i])), plain[i]+1),
				"--set", "advertised.listeners="+listeners(b.taps[i].Addr()),
				"--set", "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT",
				"--set", "inter.broker.listener.name=INTERNAL")
		}()
	}
	for range nodes {
		require.NoError(t, <-started)
	}
	var err error
	b.admin, err = kgo.NewClient(kgo.SeedBrokers(seeds...), kgo.DisableClientMetrics())
	require.NoError(t, err)
	t.Cleanup(b.admin.Close)
	return b
}

// clients creates topics whose leaders are spread evenly over the brokers, and returns clients for them.
func (b *brokers) clients(t *testing.T, topics int) clients {
	t.Helper()
	found := clients{Registry: b.registry.url}
	for _, tap := range b.taps {
		found.Servers = append(found.Servers, tap.Addr())
	}
	for i := range topics {
		name := fmt.Sprintf("orders-%d-%d", i, b.partitions)
		b.createTopic(t, name, i*b.partitions)
		found.Topics = append(found.Topics, name)
	}
	return found
}

// createTopic creates a topic, unless it exists. first, modulo the number of brokers, is the leader of its first partition.
func (b *brokers) createTopic(t *testing.T, name string, first int) {
	t.Helper()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	for p := range b.partitions {
		of := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		of.Partition = int32(p)
		of.Replicas = []int32{int32((first+p)%nodes + 1)}
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, of)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 30_000
	response, err := request.RequestWith(t.Context(), b.admin)
	require.NoError(t, err)
	if err := kerr.ErrorForCode(response.Topics[0].ErrorCode); err != kerr.TopicAlreadyExists { //nolint:errorlint // a constant
		require.NoError(t, err)
	}
}

func (b *brokers) count(t *testing.T) count {
	t.Helper()
	var sum count
	for i, tap := range b.taps {
		for key, n := range tap.Requests() {
			if key == scale.ProduceKey {
				sum.writes += float64(n)
			} else {
				sum.requests += float64(n)
			}
		}
		sum.connections = append(sum.connections, tap.Connections())
		sum.cpu += processorTime(t, b.servers[i].pid)
	}
	return sum
}

// registry is a schema registry behind a proxy that counts.
type registry struct {
	server   *server
	url      string
	requests atomic.Int64

	mu         sync.Mutex
	open, most int // connections
}

func startRegistry(t *testing.T) *registry {
	t.Helper()
	r := &registry{server: startServer(t, "registry.sh", "registry")}
	target, err := url.Parse(r.server.Env(t, "REGISTRY_URL"))
	require.NoError(t, err)
	host := *target
	host.Path = ""
	forward := httputil.NewSingleHostReverseProxy(&host)
	proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.requests.Add(1)
		forward.ServeHTTP(w, request)
	}))
	proxy.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		r.mu.Lock()
		defer r.mu.Unlock()
		switch s {
		case http.StateNew:
			r.open++
			r.most = max(r.most, r.open)
		case http.StateClosed, http.StateHijacked:
			r.open--
		default:
		}
	}
	proxy.Start()
	t.Cleanup(proxy.Close)
	r.url = proxy.URL + target.Path
	return r
}
