package adminhttp

import (
	"cmp"
	"encoding/base32"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

// snapshot is the state of the dispatcher at one moment. It contains no event data. Every page is made from one.
type snapshot struct {
	at            time.Time
	stats         signalcast.Stats
	health        signalcast.Health
	configuration configfile.WatchStatus
	unrouted      map[string]int64
	routes        []route // sorted by event type and topic
	samples       []sample
	rates         rates
	allTroubled   bool // whether every enabled route is in trouble
	failures      int  // groups of failures
}

// rates are messages per second.
type rates struct {
	Delivered  float64 `json:"delivered"`
	Failed     float64 `json:"failed"`
	Rejected   float64 `json:"rejected"`
	Suppressed float64 `json:"suppressed"`
}

// route is a route, a dead-letter topic, or a route that a reload has removed.
type route struct {
	signalcast.Route

	key     string // identifies the route in addresses
	stats   signalcast.RouteStats
	rate    float64 // messages per second
	state   state
	trouble *signalcast.Trouble
	off     []signalcast.Switch // the switches that turn it off
}

// snapshot returns the state now.
func (h *Handler) snapshot() *snapshot {
	d := h.config.Dispatcher
	s := &snapshot{at: time.Now(), stats: d.Stats(), health: d.Health(), unrouted: h.config.Registry.Unrouted(), failures: len(d.Failures())}
	if h.config.Configuration != nil {
		s.configuration = h.config.Configuration()
	}
	var w window
	s.samples, w = h.history.recent(s.at)
	now := takeSample(s.at, s.stats, s.health)
	s.samples = append(s.samples, now)
	s.rates = rates{
		Delivered: w.rate(w.base.delivered, now.delivered), Failed: w.rate(w.base.failed, now.failed),
		Rejected: w.rate(w.base.rejected, now.rejected), Suppressed: w.rate(w.base.suppressed, now.suppressed),
	}
	s.addRoutes(d.Routes(), d.RouteStats(), &w)
	return s
}

// addRoutes adds routes with their counts, and the dead-letter topics and removed routes that have counts.
func (s *snapshot) addRoutes(routes []signalcast.Route, stats []signalcast.RouteStats, w *window) {
	known := make(map[routeKey]signalcast.Route, len(routes))
	for _, r := range routes {
		known[routeKey{r.EventType, r.Topic}] = r
	}
	s.routes = make([]route, 0, len(stats))
	add := func(r route) {
		key := routeKey{r.stats.EventType, r.stats.Topic}
		r.EventType, r.Topic, r.key = key.eventType, key.topic, shortKey(key)
		r.rate = w.rate(w.routes[key], sent(&r.stats))
		s.classify(&r)
		s.routes = append(s.routes, r)
	}
	for _, counts := range stats {
		key := routeKey{counts.EventType, counts.Topic}
		r, found := known[key]
		delete(known, key)
		switch {
		case counts.DeadLetter:
			add(route{stats: counts, state: stateDead})
		case found:
			add(route{Route: r, stats: counts})
		default:
			add(route{stats: counts, state: stateRemoved})
		}
	}
	for key, r := range known {
		add(route{Route: r, stats: signalcast.RouteStats{EventType: key.eventType, Topic: key.topic}})
	}
	slices.SortFunc(s.routes, func(a, b route) int {
		return cmp.Or(cmp.Compare(a.EventType, b.EventType), cmp.Compare(a.Topic, b.Topic))
	})
	enabled, troubled := 0, 0
	for i := range s.routes {
		if r := &s.routes[i]; r.Enabled {
			enabled++
			if r.trouble != nil {
				troubled++
			}
		}
	}
	s.allTroubled = enabled > 0 && troubled == enabled
}

// classify sets the state of a route, and the trouble and switches that explain it.
func (s *snapshot) classify(r *route) {
	for i := range s.health.Troubles {
		if t := &s.health.Troubles[i]; (t.Topic == r.Topic || t.Topic == "") && r.trouble == nil && r.state != stateRemoved {
			r.trouble = t
		}
	}
	if r.state != "" {
		return
	}
	for _, w := range s.health.Switches {
		if covers(&w, r.EventType, r.Topic) {
			r.off = append(r.off, w)
		}
	}
	switch {
	case !r.Enabled:
		r.state = stateDisabled
	case len(r.off) > 0:
		r.state = stateOff
	case r.trouble != nil:
		r.state = stateTrouble
	case r.rate > 0:
		r.state = stateDelivering
	default:
		r.state = stateIdle
	}
}

// unused reports whether the route is a dead-letter topic without messages. Lists omit it.
func (r *route) unused() bool {
	return r.state == stateDead && r.stats.Accepted+r.stats.Rejected == 0
}

func covers(w *signalcast.Switch, eventType, topic string) bool {
	return (w.EventType == "" || w.EventType == eventType) && (w.Topic == "" || w.Topic == topic)
}

// shortKey returns a short text that identifies a route in addresses. It is the same in every process. Its letters need
// no escaping.
func shortKey(k routeKey) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(k.eventType + "\x00" + k.topic)) // never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum.Sum(nil))[:8])
}

// find returns the route with a key, or nil.
func (s *snapshot) find(key string) *route {
	for i := range s.routes {
		if s.routes[i].key == key {
			return &s.routes[i]
		}
	}
	return nil
}

// shape returns a hash of everything on the pages that is not a figure. When it changes, the script loads the page again.
func (s *snapshot) shape() string {
	sum := fnv.New64a()
	write := func(parts ...string) {
		for _, p := range parts {
			_, _ = sum.Write([]byte(p + "\x00")) // never fails
		}
	}
	for i := range s.routes {
		r := &s.routes[i]
		shown := r.state
		if shown == stateIdle {
			shown = stateDelivering // the script shows the change between these two
		}
		write(r.EventType, r.Topic, string(shown))
	}
	for _, t := range s.health.Troubles {
		write(t.Topic, t.Since.String())
	}
	for _, w := range s.health.Switches {
		write(w.EventType, w.Topic, w.Since.String())
	}
	write(strconv.Itoa(s.failures), strconv.Itoa(s.configuration.Generation))
	if s.configuration.Err != nil {
		write(s.configuration.Err.Error())
	}
	return strconv.FormatUint(sum.Sum64(), 36)
}
