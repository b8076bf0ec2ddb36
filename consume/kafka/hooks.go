package kafka

import (
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// hooks learn from the client whether the brokers respond.
type hooks struct{ reader *reader }

// OnNewClient sets the client before its goroutines call the reader.
func (h hooks) OnNewClient(client *kgo.Client) { h.reader.client = client }

var (
	_ kgo.HookNewClient     = hooks{}
	_ kgo.HookBrokerConnect = hooks{}
	_ kgo.HookBrokerE2E     = hooks{}
)

// OnBrokerConnect reports a failure to connect.
func (h hooks) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		h.reader.failing.Store(true)
		h.reader.in.Failed("", fmt.Errorf("kafka: %w", err))
	}
}

// The keys of requests that tell the brokers that the member works.
const (
	joinGroup = 11
	heartbeat = 12
	syncGroup = 14
)

// OnBrokerE2E notes responses.
func (h hooks) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if e2e.Err() != nil {
		return
	}
	if h.reader.failing.CompareAndSwap(true, false) {
		h.reader.in.Works("")
	}
	if key == joinGroup || key == heartbeat || key == syncGroup {
		// Another member gets the partitions when the brokers have seen no request for the whole time.
		h.reader.extend(time.Now().Add(-e2e.DurationE2E()).Add(h.reader.source.config.SessionTimeout * 3 / 4))
	}
}

// extend lets the consumer begin to handle messages until the given time, or until the time of an earlier call if that is later.
func (r *reader) extend(until time.Time) {
	for {
		before, after := r.until.Load(), int64(until.Sub(r.began))
		if before >= after {
			return
		}
		if r.until.CompareAndSwap(before, after) {
			break
		}
	}
	for _, p := range r.list() {
		p.feed.Extend(until)
	}
}
