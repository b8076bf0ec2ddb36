package adminhttp

import (
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

// The history.
const (
	sampleEvery = 10 * time.Second
	historyTime = time.Hour
	maxSamples  = int(historyTime/sampleEvery) + 1
)

// sample is what the dispatcher counted until one moment.
type sample struct {
	at                                       time.Time
	delivered, failed, rejected, suppressed  int64
	pending, bufferMessages, bufferedMaximum int64
}

// routeKey identifies a route or a dead-letter topic.
type routeKey struct {
	eventType, topic string
}

// routeCounts are the messages of each route that were sent until one moment.
type routeCounts struct {
	at   time.Time
	sent map[routeKey]int64
}

// history keeps samples of the counters: of the totals for one hour, and of the routes for the time that rates are the average of.
// One goroutine takes them, so that an hour is there when the page is opened.
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

// start takes the first sample, and others every sampleEvery until close.
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
	counts := routeCounts{now.at, map[routeKey]int64{}}
	for _, s := range h.dispatcher.RouteStats() {
		counts.sent[routeKey{s.EventType, s.Topic}] += sent(&s)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.samples) == maxSamples {
		h.samples = h.samples[:copy(h.samples, h.samples[1:])]
	}
	h.samples = append(h.samples, now)
	if h.routes[1].sent == nil {
		h.routes[1] = counts
	}
	h.routes = [2]routeCounts{h.routes[1], counts}
}

func takeSample(at time.Time, s signalcast.Stats, health signalcast.Health) sample {
	return sample{
		at: at, delivered: s.Delivered + s.Stored, failed: s.Failed, rejected: s.Rejected, suppressed: s.Suppressed,
		pending: s.Pending, bufferMessages: int64(health.Buffer.Messages), bufferedMaximum: int64(health.Buffer.MaxMessages),
	}
}

// sent returns how many messages of a route have left: to the broker or to the outbox.
func sent(s *signalcast.RouteStats) int64 { return s.Delivered + s.Stored }

// window is the time that rates are the average of.
type window struct {
	base    sample
	routes  routeCounts
	seconds float64
}

// last returns the samples, the oldest first, and the window until now.
func (h *history) last(now time.Time) ([]sample, window) {
	h.mu.Lock()
	defer h.mu.Unlock()
	samples := append([]sample(nil), h.samples...)
	w := window{base: samples[max(0, len(samples)-2)], routes: h.routes[0]}
	w.seconds = max(now.Sub(w.base.at).Seconds(), 1)
	return samples, w
}

// rate returns the average per second of a counter.
func (w *window) rate(before, now int64) float64 {
	return float64(max(now-before, 0)) / w.seconds
}
