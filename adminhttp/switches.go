package adminhttp

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalcast/signalcast"
)

// everything is the word that confirms switching off all routes.
const everything = "everything"

// maxReason is the longest reason of a switch, in characters. The pages and the log show it.
const maxReason = 500

// switchInput is the form to switch routes off, and its JSON body.
type switchInput struct {
	EventType string `json:"event_type"`
	Topic     string `json:"topic"`
	Reason    string `json:"reason"`
	// For is the duration of the switch, such as "15m". Empty means until the routes are switched on.
	For string `json:"for"`
	// Confirm must be "everything" if EventType and Topic are empty.
	Confirm string `json:"confirm"`
}

// switchForm is the form as a page shows it.
type switchForm struct {
	switchInput

	Fixed  bool      // the form is for one route, so event type and topic are hidden
	Failed *apiError // the error of the form as it was posted, or nil
}

// Error returns the text of the error to show beside a field, or "". An empty setting stands for errors of no field.
func (f switchForm) Error(setting string) string {
	if f.Failed == nil {
		return ""
	}
	beside := f.Failed.Setting
	if !slices.Contains([]string{"event type", "topic", "reason", "until", "confirm"}, beside) {
		beside = ""
	}
	if beside != setting {
		return ""
	}
	return f.Failed.Error
}

// Durations returns the durations to choose from.
func (switchForm) Durations() []struct{ Value, Text string } {
	return []struct{ Value, Text string }{
		{"15m", "15 minutes"}, {"1h", "1 hour"}, {"4h", "4 hours"}, {"24h", "24 hours"}, {"", "until switched on again"},
	}
}

// switchesView has the data of the switches page.
type switchesView struct {
	Switches []switchDetails `json:"switches"`

	Form       switchForm `json:"-"`
	EventTypes []string   `json:"-"`
	Topics     []string   `json:"-"`
	Failed     string     `json:"-"` // the error of switching routes on, or empty
}

// switchDetails is a switch with the configuration that turns the same routes off in all replicas.
type switchDetails struct {
	switchView

	Routes        int    `json:"routes"`
	Configuration string `json:"configuration"`
}

func (h *Handler) switchesView(s *snapshot) switchesView {
	v := switchesView{Switches: []switchDetails{}}
	for i, w := range switchViews(s.health.Switches) {
		routes, text := h.disablingConfig(s, &s.health.Switches[i])
		v.Switches = append(v.Switches, switchDetails{w, routes, text})
	}
	seen := map[string]bool{}
	for i := range s.routes {
		r := &s.routes[i]
		if !r.state.configured() {
			continue
		}
		if !seen["e"+r.EventType] {
			v.EventTypes = append(v.EventTypes, r.EventType)
		}
		if !seen["t"+r.Topic] {
			v.Topics = append(v.Topics, r.Topic)
		}
		seen["e"+r.EventType], seen["t"+r.Topic] = true, true
	}
	return v
}

// maxDisabled bounds the routes in the configuration that a page shows for a switch.
const maxDisabled = 20

// plainName is a name that needs no quotes in YAML.
var plainName = regexp.MustCompile(`^[A-Za-z][\w./-]*$`)

// disablingConfig returns the number of enabled routes that a switch turns off, and the configuration in YAML that disables them.
func (h *Handler) disablingConfig(s *snapshot, w *signalcast.Switch) (routes int, text string) {
	var b strings.Builder
	quoted := func(name string) string {
		if plainName.MatchString(name) {
			return name
		}
		return strconv.Quote(name)
	}
	last := ""
	for i := range s.routes {
		r := &s.routes[i]
		if !r.Enabled || !covers(w, r.EventType, r.Topic) {
			continue
		}
		routes++
		if routes > maxDisabled {
			continue
		}
		if r.EventType != last {
			b.WriteString(quoted(r.EventType) + ":\n")
			last = r.EventType
		}
		b.WriteString("  " + quoted(h.config.withoutPrefix(r.Topic)) + ":\n    enabled: false\n")
	}
	if routes > maxDisabled {
		b.WriteString("# and " + count(routes-maxDisabled, "more route") + "\n")
	}
	return routes, b.String()
}

func (h *Handler) switches(q *request) {
	s := h.snapshot()
	form := q.URL.Query()
	v := h.switchesView(s)
	v.Form.EventType, v.Form.Topic = form.Get("event_type"), form.Get("topic")
	h.show(q, http.StatusOK, "switches", "Switches", s, v)
}

func (h *Handler) apiSwitches(q *request) { q.writeJSON(http.StatusOK, h.switchesView(h.snapshot())) }

// switchOff switches routes off.
func (h *Handler) switchOff(in switchInput, by string) error {
	if in.EventType == "" && in.Topic == "" && in.Confirm != everything {
		return &inputError{"confirm", "found no event type and no topic", `one of them, or the word "everything" to switch off everything`}
	}
	w := signalcast.Switch{EventType: in.EventType, Topic: in.Topic, Reason: strings.TrimSpace(in.Reason), By: by}
	if n := utf8.RuneCountInString(w.Reason); n > maxReason {
		return &inputError{"reason", fmt.Sprintf("found %d characters", n), fmt.Sprintf("at most %d", maxReason)}
	}
	if in.For != "" {
		d, err := time.ParseDuration(in.For)
		if err != nil || d <= 0 {
			return &inputError{"until", "found the duration " + strconv.Quote(in.For), `a positive one such as "15m"`}
		}
		w.Until = time.Now().Add(d)
	}
	return h.config.Dispatcher.SwitchOff(w) //nolint:wrapcheck // the page shows it
}

// switchPosted serves both forms of the page: one switches routes off, the other one on.
func (h *Handler) switchPosted(q *request) {
	if !q.readForm() {
		return
	}
	form := q.PostForm
	in := switchInput{strings.TrimSpace(form.Get("event_type")), strings.TrimSpace(form.Get("topic")), form.Get("reason"), form.Get("for"), strings.TrimSpace(form.Get("confirm"))}
	var err error
	on := form.Get("action") == "on"
	if on {
		err = h.config.Dispatcher.SwitchOn(form.Get("event_type"), form.Get("topic"), q.access.User)
	} else {
		err = h.switchOff(in, q.access.User)
	}
	if err == nil {
		q.w.Header().Set("Location", "switches")
		q.w.WriteHeader(http.StatusSeeOther)
		return
	}
	s := h.snapshot()
	v := h.switchesView(s)
	if on {
		v.Failed = err.Error()
	} else {
		failed := newAPIError(err)
		v.Form = switchForm{switchInput: in, Failed: &failed}
	}
	h.show(q, statusOf(err), "switches", "Switches", s, v)
}

func (h *Handler) apiSwitchOff(q *request) {
	var in switchInput
	if !q.readJSON(&in) {
		return
	}
	if err := h.switchOff(in, q.access.User); err != nil {
		q.writeError(err)
		return
	}
	h.apiSwitches(q)
}

func (h *Handler) apiSwitchOn(q *request) {
	var in struct {
		EventType string `json:"event_type"`
		Topic     string `json:"topic"`
	}
	if !q.readJSON(&in) {
		return
	}
	if err := h.config.Dispatcher.SwitchOn(in.EventType, in.Topic, q.access.User); err != nil {
		q.writeError(err)
		return
	}
	h.apiSwitches(q)
}
