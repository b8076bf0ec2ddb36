package adminhttp

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/signalcast/signalcast"
)

// liveView is the response of api/v1/live, which the script requests every 2 s.
type liveView struct {
	At    time.Time `json:"at"`
	State summary   `json:"state"`
	// Shape changes when anything but a figure changes. Then the script loads the page again.
	Shape            string        `json:"shape"`
	Totals           totals        `json:"totals"`
	Rates            rates         `json:"rates"`
	Buffer           bufferView    `json:"buffer"`
	DeadLetterBuffer *bufferView   `json:"dead_letter_buffer,omitempty"`
	Troubles         []troubleView `json:"troubles"`
	Switches         []switchView  `json:"switches"`
	Routes           []liveRoute   `json:"routes"`
}

// totals are the counts of the dispatcher. See signalcast.Stats.
type totals struct {
	Accepted    int64 `json:"accepted"`
	Delivered   int64 `json:"delivered"`
	Pending     int64 `json:"pending"`
	Failed      int64 `json:"failed"`
	Rejected    int64 `json:"rejected"`
	Suppressed  int64 `json:"suppressed"`
	Invalid     int64 `json:"invalid"`
	DeadLetters int64 `json:"dead_letters"`
	Held        int64 `json:"held"`
	Stored      int64 `json:"stored"`
	Withdrawn   int64 `json:"withdrawn"`
}

type bufferView struct {
	Messages    int   `json:"messages"`
	MaxMessages int   `json:"max_messages"`
	Bytes       int64 `json:"bytes"`
	MaxBytes    int64 `json:"max_bytes"`
}

// Percent returns how full the buffer is, by messages or bytes, whichever is fuller.
func (b bufferView) Percent() int {
	var full float64
	if b.MaxMessages > 0 {
		full = float64(b.Messages) / float64(b.MaxMessages)
	}
	if b.MaxBytes > 0 {
		full = max(full, float64(b.Bytes)/float64(b.MaxBytes))
	}
	return int(math.Ceil(min(full, 1) * 100))
}

type troubleView struct {
	// Topic is empty for all topics.
	Topic string    `json:"topic"`
	Since time.Time `json:"since"`
	Error string    `json:"error"`
}

type switchView struct {
	EventType string     `json:"event_type,omitempty"`
	Topic     string     `json:"topic,omitempty"`
	Reason    string     `json:"reason"`
	By        string     `json:"by,omitempty"`
	Since     time.Time  `json:"since"`
	Until     *time.Time `json:"until,omitempty"`
}

// liveRoute has the figures of a route. Zeros are omitted.
type liveRoute struct {
	Key        string  `json:"key"`
	EventType  string  `json:"event_type"`
	Topic      string  `json:"topic"`
	State      state   `json:"state"`
	Rate       float64 `json:"rate,omitempty"`
	Sent       int64   `json:"sent,omitempty"` // delivered, or stored in the outbox
	Pending    int64   `json:"pending,omitempty"`
	Failed     int64   `json:"failed,omitempty"` // or rejected
	Suppressed int64   `json:"suppressed,omitempty"`
}

// routeView is a row of the table of routes.
type routeView struct {
	liveRoute

	Mode    signalcast.Mode `json:"mode,omitempty"`
	KeyPath string          `json:"key_path,omitempty"`
}

// sampleView has the totals at one moment.
type sampleView struct {
	At         time.Time `json:"at"`
	Sent       int64     `json:"sent"`
	Failed     int64     `json:"failed"`
	Rejected   int64     `json:"rejected"`
	Suppressed int64     `json:"suppressed"`
	Pending    int64     `json:"pending"`
	Buffer     int64     `json:"buffer"`
	BufferMax  int64     `json:"buffer_max"`
}

// Sent returns the number of messages that were delivered, or stored in the outbox.
func (v *liveView) Sent() int64 { return v.Totals.Delivered + v.Totals.Stored }

func (s *snapshot) live() *liveView {
	v := &liveView{
		At: s.at.UTC(), State: s.summarize(), Shape: s.shape(), Totals: totalsOf(&s.stats), Rates: s.rates.rounded(),
		Buffer: bufferView(s.health.Buffer), Troubles: []troubleView{}, Switches: switchViews(s.health.Switches),
		Routes: make([]liveRoute, len(s.routes)),
	}
	if s.health.DeadLetterBuffer.MaxMessages > 0 {
		buffer := bufferView(s.health.DeadLetterBuffer)
		v.DeadLetterBuffer = &buffer
	}
	for _, t := range s.health.Troubles {
		v.Troubles = append(v.Troubles, troubleOf(t))
	}
	for i := range s.routes {
		v.Routes[i] = s.routes[i].live()
	}
	return v
}

func (r *route) live() liveRoute {
	return liveRoute{
		Key: r.key, EventType: r.EventType, Topic: r.Topic, State: r.state, Rate: rounded(r.rate), Sent: sent(&r.stats),
		Pending: r.stats.Pending, Failed: r.stats.Failed + r.stats.Rejected, Suppressed: r.stats.Suppressed,
	}
}

func (r *route) view() routeView { return routeView{r.live(), r.Mode, r.KeyPath} }

func totalsOf(s *signalcast.Stats) totals {
	return totals{
		Accepted: s.Accepted, Delivered: s.Delivered, Pending: s.Pending, Failed: s.Failed, Rejected: s.Rejected, Suppressed: s.Suppressed,
		Invalid: s.Invalid, DeadLetters: s.DeadLetters, Held: s.Held, Stored: s.Stored, Withdrawn: s.Withdrawn,
	}
}

func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }

func (r rates) rounded() rates {
	return rates{rounded(r.Delivered), rounded(r.Failed), rounded(r.Rejected), rounded(r.Suppressed)}
}

func troubleOf(t signalcast.Trouble) troubleView {
	return troubleView{t.Topic, t.Since.UTC(), errorText(t.Err)}
}

func switchViews(list []signalcast.Switch) []switchView {
	views := make([]switchView, len(list))
	for i, s := range list {
		views[i] = switchView{s.EventType, s.Topic, s.Reason, s.By, s.Since.UTC(), timeOrNil(s.Until)}
	}
	return views
}

// Scope names the routes of a switch.
func (s switchView) Scope() string {
	switch {
	case s.EventType == "" && s.Topic == "":
		return "everything"
	case s.EventType == "":
		return "topic " + s.Topic
	case s.Topic == "":
		return s.EventType
	default:
		return s.EventType + " to topic " + s.Topic
	}
}

func (s *snapshot) history() []sampleView {
	views := []sampleView{}
	for _, p := range s.samples {
		views = append(views, sampleView{p.at.UTC(), p.delivered, p.failed, p.rejected, p.suppressed, p.pending, p.bufferMessages, p.bufferMax})
	}
	return views
}

// failureView is a group of failures. See signalcast.Failure.
type failureView struct {
	Topic       string    `json:"topic"`
	Fate        string    `json:"fate"`
	FateText    string    `json:"fate_text"`
	Error       string    `json:"error"`
	Count       int64     `json:"count"`
	First       time.Time `json:"first"`
	Last        time.Time `json:"last"`
	LastEventID string    `json:"last_event_id"`
}

// failureViews returns the groups of failures of a topic, or of all topics if it is empty.
func (h *Handler) failureViews(topic string) []failureView {
	views := []failureView{}
	for _, f := range h.config.Dispatcher.Failures() {
		if topic == "" || f.Topic == topic {
			views = append(views, failureView{
				f.Topic, f.Fate.String(), fateText(f.Fate), f.Err, f.Count, f.First.UTC(), f.Last.UTC(), f.LastEventID.String(),
			})
		}
	}
	return views
}

// fateText returns what a fate means to an operator.
func fateText(f signalcast.Fate) string {
	switch f {
	case signalcast.FateNotWritten:
		return "certainly not written"
	case signalcast.FatePending:
		return "not known yet"
	default:
		return "may have been written"
	}
}

// sortRoutes sorts routes by a column of the table. Routes with equal values stay sorted by event type and topic.
func sortRoutes(routes []routeView, by string) {
	descending := func(value func(*routeView) float64) {
		slices.SortStableFunc(routes, func(a, b routeView) int { return cmp.Compare(value(&b), value(&a)) })
	}
	switch by {
	case "topic":
		slices.SortStableFunc(routes, func(a, b routeView) int { return cmp.Compare(a.Topic, b.Topic) })
	case "rate":
		descending(func(r *routeView) float64 { return r.Rate })
	case "sent":
		descending(func(r *routeView) float64 { return float64(r.Sent) })
	case "pending":
		descending(func(r *routeView) float64 { return float64(r.Pending) })
	case "failed":
		descending(func(r *routeView) float64 { return float64(r.Failed) })
	case "suppressed":
		descending(func(r *routeView) float64 { return float64(r.Suppressed) })
	}
}
