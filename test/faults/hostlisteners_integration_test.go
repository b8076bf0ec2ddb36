//go:build integration

package faults_test

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkatest"
	"github.com/signalcast/signalcast/test/hosts"
)

// wrongListener is a listener of a broker that advertises an address at which the broker cannot be reached.
type wrongListener struct {
	name, description, address string
	// otherCluster means that a broker of another cluster is at the address. A client cannot tell it from the right broker.
	otherCluster bool
}

// listenerResult is one row of the table.
type listenerResult struct {
	Client, Description, Health, Send string
	Fate                              signalcast.Fate
	Warnings                          int
	problems                          []string
}

func (r listenerResult) Problems() string { return problemsCell(r.problems) }

//go:embed listeners.md.tmpl
var listenersTemplate string

const listenersTimeout = 8 * time.Second

// testListeners sends events to a broker with wrong addresses in advertised.listeners.
func testListeners(t *testing.T, n *hosts.Network) {
	if !*full {
		t.Skip("part of the full suite") // internal/kafkabus tests the same cases with a broker in the process
	}
	redis := n.Add(t, "other")
	startHostRedis(t, redis, nil)
	wrong := []wrongListener{
		{"PORT", "a port on which no server listens", "", false},
		{"UNKNOWN", "a name that does not exist", "broker.invalid:9092", false},
		{"LOCAL", "`localhost`, of the client instead of the broker", "localhost:9092", false},
		{"AWAY", "a host that does not reply", "10.83.250.2:9092", false},
		{"OTHER", "another server, here a Redis", redis.Addr + ":6379", false},
		{"CLUSTER", "a broker of another cluster, without the topic", kafkatest.NewStrictCluster(t).ListenAddrs()[0], true},
	}
	var addrs []string // of the wrong listeners
	newHostBroker(t, n, "advertises", nil, func(addr string) []string {
		listeners := []string{"PLAINTEXT://" + addr + ":9092", "CONTROLLER://127.0.0.1:9093"}
		advertised, protocols := listeners[:1:1], []string{"CONTROLLER:PLAINTEXT", "PLAINTEXT:PLAINTEXT"}
		wrong[0].address = addr + ":9999"
		for i, w := range wrong {
			addrs = append(addrs, fmt.Sprintf("%s:%d", addr, 9100+i))
			listeners = append(listeners, w.name+"://"+addrs[i])
			advertised = append(advertised, w.name+"://"+w.address)
			protocols = append(protocols, w.name+":PLAINTEXT")
		}
		return []string{
			"listeners=" + strings.Join(listeners, ","), "advertised.listeners=" + strings.Join(advertised, ","),
			"listener.security.protocol.map=" + strings.Join(protocols, ","),
		}
	})
	config := kafkaconfig.Config{
		SchemaRegistry: kafkatest.NewRegistry(t).URL, RequestTimeout: readTimeout, DialTimeout: dialTimeout, DeliveryTimeout: listenersTimeout,
	}
	var rows []listenerResult
	for _, client := range []kafkaClient{franzGo, kafkaGo} {
		for i, w := range wrong {
			t.Run(client.name+"-"+w.name, func(t *testing.T) {
				config.Brokers = addrs[i : i+1]
				var log logText
				config.Logger = slog.New(slog.NewTextHandler(&log, nil))
				r := w.send(t, client.open(t, config))
				r.Client, r.Warnings = client.name, log.count("level=WARN")
				rows = append(rows, r)
				t.Logf("%+v", r)
				for _, problem := range r.problems {
					t.Error(problem)
				}
			})
		}
	}
	if *write != "" {
		writeHostSection(t, *write, "Wrong addresses in `advertised.listeners`", listenersTemplate, map[string]any{"Rows": rows, "Timeout": listenersTimeout})
	}
}

// send sends one event with b. It requires that the error and Health name the wrong address.
func (w wrongListener) send(t *testing.T, b backend) listenerResult {
	t.Helper()
	happened := signalcast.NewSignal[numbered]("org.example.number.counted.v1")
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(happened))
	config := signalcast.ProducerConfig{happened.EventType(): {"listeners": {Enabled: new(true), EventKeyField: new("key")}}}
	d, err := signalcast.NewDispatcher(t.Context(), registry, config, b)
	require.NoError(t, err)
	var texts operatorTexts
	stop := texts.watch(d, nil)
	err = happened.Send(t.Context(), registry, numbered{Key: "key"})
	stop()
	closing, cancel := context.WithTimeout(t.Context(), closeDeadline)
	defer cancel()
	_ = d.Close(closing)
	r := listenerResult{Description: w.description}
	var failed *signalcast.DeliveryError
	require.ErrorAs(t, err, &failed)
	r.Fate, r.Send = failed.Fate, codeCell(failed.Err.Error())
	health := texts.mostFrequent(inHealth)
	if len(health) > 0 {
		r.Health = codeCell(health[0])
	}
	var advertised *kafkaconfig.AdvertisedError
	named := func(text string) bool { return strings.Contains(text, w.address+", which a broker advertises: ") }
	if !w.otherCluster && (!errors.As(err, &advertised) || !named(r.Send) || !named(r.Health)) {
		r.problems = append(r.problems, "found texts without the address; want "+w.address)
	}
	if len(health) == 0 {
		r.problems = append(r.problems, "found no trouble in Health; want one")
	}
	return r
}

// logText is the text of a log. It is safe for concurrent use.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *logText) count(substring string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), substring)
}
