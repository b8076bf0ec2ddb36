package adminhttp

import (
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

const (
	sampleEvery = 10 * time.Second
	historyTime = time.Hour
	maxSamples  = int(historyTime/sampleEvery) + 1
)

// sample has the totals of the dispatcher at one moment.
type sample struct {
	at                                      time.Time
	delivered, failed, rejected, suppressed int64
	pending, bufferMessages, bufferMax      int64
}

// routeKey identifies a route or a dead-letter topic.
type routeKey struct {
	eventType, topic string
}

// routeCounts are the numbers of messages that were sent, by route.
type routeCounts map[routeKey]int64

// history keeps the totals of the last hour, and the counts of the routes at the last two samples. One goroutine takes the
// samples, so that a page shows the hour before it was opened.
type history struct {
	dispatcher *signalcast.Dispatcher
	stop       chan struct{}
	stopping   sync.Once
	done       chan struct{}

	mu      sync.Mutex
	samples []sample       // the oldest first, at most maxSamples
	routes  [2]routeCounts // the last two; rates count from the older one
}

func newHistory(d *signalcast.Dispatcher) *history {
	return &history{dispatcher: d, stop: make(chan struct{}), done: make(chan struct{})}
}

// start takes a sample at once, and then every sampleEvery until close.
func (h *history) start() {
	h.take()
	go func() {
		defer close(h.done)
		ticker := time.NewTicker(sampleEvery)
		defer ticker.Stop()
		for {
			select {
			case <-h.stop:
				return
			case <-ticker.C:
				h.take()
			}
		}
	}()
}

func (h *history) close() {
	h.stopping.Do(func() { close(h.stop) })
	<-h.done
}

func (h *history) take() {
	now := takeSample(time.Now(), h.dispatcher.Stats(), h.dispatcher.Health())
	counts := routeCounts{}
	for _, s := range h.dispatcher.RouteStats() {
		counts[routeKey{s.EventType, s.Topic}] += sent(&s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.samples) == maxSamples {
		h.samples = h.samples[:copy(h.samples, h.samples[1:])]
	}
	h.samples = append(h.samples, now)
	if h.routes[1] == nil {
		h.routes[1] = counts
	}
	h.routes = [2]routeCounts{h.routes[1], counts}
}

func takeSample(at time.Time, s signalcast.Stats, health signalcast.Health) sample {
	return sample{
		at: at, delivered: s.Delivered + s.Stored, failed: s.Failed, rejected: s.Rejected, suppressed: s.Suppressed,
		pending: s.Pending, bufferMessages: int64(health.Buffer.Messages), bufferMax: int64(health.Buffer.MaxMessages),
	}
}

// sent returns how many messages of a route were delivered, or stored in the outbox.
func sent(s *signalcast.RouteStats) int64 { return s.Delivered + s.Stored }

// window is the interval over which rates are averaged: from the last sample but one until now.
type window struct {
	base    sample      // at the start
	routes  routeCounts // at the start
	seconds float64     // at least 1
}

// recent returns the samples, the oldest first, and the window until now.
func (h *history) recent(now time.Time) ([]sample, window) {
	h.mu.Lock()
	defer h.mu.Unlock()
	samples := append([]sample(nil), h.samples...)
	w := window{base: samples[max(0, len(samples)-2)], routes: h.routes[0]}
	w.seconds = max(now.Sub(w.base.at).Seconds(), 1)
	return samples, w
}

// rate returns the average rate of a counter per second.
func (w *window) rate(before, now int64) float64 {
	return float64(max(now-before, 0)) / w.seconds
}
