package adminhttp

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/signalcast/signalcast"
)

// overviewView is the response of api/v1/overview.
type overviewView struct {
	liveView

	History  []sampleView     `json:"history"`
	Unrouted map[string]int64 `json:"unrouted"`
}

// overviewPage has the data of the overview.
type overviewPage struct {
	*liveView

	Map      *flowMap
	Charts   []chart
	Routes   []routeView
	Concerns []concern
}

// concern is a group of troubles with the same error.
type concern struct {
	Topics string // their names, at most maxNamed
	Since  time.Time
	Error  string
}

// maxNamed bounds the topics that one concern names.
const maxNamed = 5

// concerns groups troubles by their errors, so that an unreachable broker does not fill the page.
func concerns(troubles []troubleView) []concern {
	var list []concern
	topics := map[string][]string{}
	for _, t := range troubles {
		if topics[t.Error] == nil {
			list = append(list, concern{Since: t.Since, Error: t.Error})
		}
		topics[t.Error] = append(topics[t.Error], cmp.Or(t.Topic, "All topics"))
	}
	for i := range list {
		names := topics[list[i].Error]
		more := ""
		if len(names) > maxNamed {
			more = fmt.Sprintf(" and %d more", len(names)-maxNamed)
			names = names[:maxNamed]
		}
		list[i].Topics = strings.Join(names, ", ") + more
	}
	return list
}

func (h *Handler) overview(q *request) {
	s := h.snapshot()
	live := s.live()
	p := overviewPage{liveView: live, Map: layOut(s, h.eventTypes()), Charts: s.charts(), Concerns: concerns(live.Troubles)}
	for i := range s.routes {
		if !s.routes[i].unused() {
			p.Routes = append(p.Routes, s.routes[i].view())
		}
	}
	h.show(q, http.StatusOK, "overview", "", s, p)
}

func (h *Handler) apiOverview(q *request) {
	s := h.snapshot()
	q.writeJSON(http.StatusOK, overviewView{*s.live(), s.history(), s.unrouted})
}

func (h *Handler) apiLive(q *request) { q.writeJSON(http.StatusOK, h.snapshot().live()) }

// eventTypes returns the registered event types, sorted.
func (h *Handler) eventTypes() []string {
	definitions := h.config.Registry.Definitions()
	names := make([]string, len(definitions))
	for i, d := range definitions {
		names[i] = d.EventType()
	}
	return names
}

// routesView has the data of the routes page.
type routesView struct {
	// Filter is in the address, so that a selection can be sent to others.
	Filter routesFilter `json:"filter"`
	Routes []routeView  `json:"routes"`
	Total  int          `json:"total"`
}

// routesFilter selects and sorts routes.
type routesFilter struct {
	Text      string `json:"q"`
	EventType string `json:"event_type"`
	Topic     string `json:"topic"`
	State     string `json:"state"`
	Sort      string `json:"sort"`
}

// States returns the states to choose from.
func (routesFilter) States() []state {
	return []state{stateDelivering, stateIdle, stateTrouble, stateOff, stateDisabled, stateDead, stateRemoved}
}

// Sorts returns the columns to sort by.
func (routesFilter) Sorts() []string {
	return []string{"event type", "topic", "rate", "sent", "pending", "failed", "suppressed"}
}

func (h *Handler) routesView(q *request, s *snapshot) routesView {
	form := q.URL.Query()
	v := routesView{
		Filter: routesFilter{form.Get("q"), form.Get("event_type"), form.Get("topic"), form.Get("state"), form.Get("sort")},
		Routes: []routeView{},
	}
	text := strings.ToLower(strings.TrimSpace(v.Filter.Text))
	for i := range s.routes {
		r := &s.routes[i]
		if !r.unused() {
			v.Total++
		}
		switch {
		case text != "" && !strings.Contains(strings.ToLower(r.EventType+" "+r.Topic), text),
			v.Filter.EventType != "" && v.Filter.EventType != r.EventType,
			v.Filter.Topic != "" && v.Filter.Topic != r.Topic,
			v.Filter.State != "" && v.Filter.State != string(r.state),
			v.Filter.State == "" && r.unused():
		default:
			v.Routes = append(v.Routes, r.view())
		}
	}
	sortRoutes(v.Routes, v.Filter.Sort)
	return v
}

func (h *Handler) routes(q *request) {
	s := h.snapshot()
	h.show(q, http.StatusOK, "routes", "Routes", s, h.routesView(q, s))
}

func (h *Handler) apiRoutes(q *request) { q.writeJSON(http.StatusOK, h.routesView(q, h.snapshot())) }

// failuresView has the data of the failures page.
type failuresView struct {
	Failures []failureView `json:"failures"`
	// Unrouted counts the events without an enabled topic, by event type.
	Unrouted map[string]int64 `json:"unrouted"`
}

func (h *Handler) failures(q *request) {
	s := h.snapshot()
	h.show(q, http.StatusOK, "failures", "Failures", s, failuresView{h.failureViews(""), s.unrouted})
}

func (h *Handler) apiFailures(q *request) {
	q.writeJSON(http.StatusOK, failuresView{h.failureViews(""), h.config.Registry.Unrouted()})
}

// routeDetails is the response of api/v1/route.
type routeDetails struct {
	routeView

	Accepted    int64         `json:"accepted"`
	Delivered   int64         `json:"delivered"`
	Rejected    int64         `json:"rejected"`
	Held        int64         `json:"held"`
	Stored      int64         `json:"stored"`
	Withdrawn   int64         `json:"withdrawn"`
	ContentType string        `json:"content_type,omitempty"`
	Trouble     *troubleView  `json:"trouble,omitempty"`
	Switches    []switchView  `json:"switches"`
	Settings    []settingView `json:"settings"`
	ValueSchema string        `json:"value_schema,omitempty"`
	KeySchema   string        `json:"key_schema,omitempty"`
	Failures    []failureView `json:"failures"`
}

// routeDetails returns the route that a query names by key, or by event type and topic. It returns nil if no route matches.
func (h *Handler) routeDetails(q *request, s *snapshot) *routeDetails {
	form := q.URL.Query()
	key := form.Get("key")
	if key == "" {
		key = shortKey(routeKey{form.Get("event_type"), form.Get("topic")})
	}
	r := s.find(key)
	if r == nil {
		return nil
	}
	d := &routeDetails{
		routeView: r.view(), Accepted: r.stats.Accepted, Delivered: r.stats.Delivered, Rejected: r.stats.Rejected,
		Held: r.stats.Held, Stored: r.stats.Stored, Withdrawn: r.stats.Withdrawn, ContentType: r.ContentType, Switches: switchViews(r.off),
		Settings: h.settings(s, r), ValueSchema: schemaText(r.ValueSchema), KeySchema: schemaText(r.KeySchema), Failures: h.failureViews(r.Topic),
	}
	d.Failed = r.stats.Failed
	if r.trouble != nil {
		trouble := troubleOf(*r.trouble)
		d.Trouble = &trouble
	}
	return d
}

func schemaText(s *signalcast.Schema) string {
	if s == nil {
		return ""
	}
	return s.Text
}

// routePage has the data of the page of a route.
type routePage struct {
	*routeDetails

	Form switchForm // to switch the route off
}

func (h *Handler) route(q *request) {
	s := h.snapshot()
	d := h.routeDetails(q, s)
	if d == nil {
		q.fail(&httpError{http.StatusNotFound, "no such route; want one of the page routes"})
		return
	}
	form := switchForm{switchInput: switchInput{EventType: d.EventType, Topic: d.Topic}, Fixed: true}
	h.show(q, http.StatusOK, "route", "Route", s, routePage{d, form})
}

func (h *Handler) apiRoute(q *request) {
	d := h.routeDetails(q, h.snapshot())
	if d == nil {
		q.fail(&httpError{http.StatusNotFound, "no such route; want the key, or the event_type and topic, of one of api/v1/routes"})
		return
	}
	q.writeJSON(http.StatusOK, d)
}

// Switchable reports whether the route can be switched off. A route that is not configured cannot.
func (d *routeDetails) Switchable() bool { return d.State.configured() }
