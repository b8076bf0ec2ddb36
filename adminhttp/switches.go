package adminhttp

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalcast/signalcast"
)

// everything is the word that confirms a switch of all routes.
const everything = "everything"

// maxReason is the longest reason of a switch, in characters. The pages and the log show it.
const maxReason = 500

// switchInput is the form to switch routes off, and its JSON body.
type switchInput struct {
	EventType string `json:"event_type"`
	Topic     string `json:"topic"`
	Reason    string `json:"reason"`
	// For is how long: "15m". Empty means until the switch is ended.
	For string `json:"for"`
	// Confirm must be "everything" if EventType and Topic are empty.
	Confirm string `json:"confirm"`
}

// switchForm is the form as a page shows it.
type switchForm struct {
	switchInput

	Fixed  bool      // whether the page decides which routes
	Failed *apiError // why the last attempt failed, or nil
}

// Error returns the text of the error of one field, or nothing.
func (f switchForm) Error(setting string) string {
	switch {
	case f.Failed == nil:
		return ""
	case f.Failed.Setting == setting, setting == "" && !f.ofField():
		return f.Failed.Error
	default:
		return ""
	}
}

// ofField reports whether the error is shown beside a field.
func (f switchForm) ofField() bool {
	switch f.Failed.Setting {
	case "event type", "topic", "reason", "until", "confirm":
		return true
	default:
		return false
	}
}

// Durations are those that the form offers.
func (switchForm) Durations() []struct{ Value, Text string } {
	return []struct{ Value, Text string }{
		{"15m", "15 minutes"}, {"1h", "1 hour"}, {"4h", "4 hours"}, {"24h", "24 hours"}, {"", "until switched on again"},
	}
}

// switchesView is the page of switches.
type switchesView struct {
	Switches []shownSwitch `json:"switches"`

	Form       switchForm `json:"-"`
	EventTypes []string   `json:"-"`
	Topics     []string   `json:"-"`
	Failed     string     `json:"-"` // why a switch could not be ended
}

// shownSwitch is a switch with the configuration that does the same in all replicas.
type shownSwitch struct {
	switchView

	Routes        int    `json:"routes"`
	Configuration string `json:"configuration"`
}

func (h *Handler) switchesView(s *snapshot) switchesView {
	v := switchesView{Switches: []shownSwitch{}}
	for i, w := range switchViews(s.health.Switches) {
		shown := shownSwitch{switchView: w}
		shown.Routes, shown.Configuration = h.disabling(s, &s.health.Switches[i])
		v.Switches = append(v.Switches, shown)
	}
	seen := map[string]bool{}
	for i := range s.routes {
		r := &s.routes[i]
		if r.state == stateDead || r.state == stateRemoved {
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

// maxDisabled bounds the lines of a configuration that a page shows.
const maxDisabled = 20

// plainName is a name that needs no quotes in YAML.
var plainName = regexp.MustCompile(`^[A-Za-z][\w./-]*$`)

// disabling returns the number of enabled routes of a switch, and the configuration in YAML that disables them.
func (h *Handler) disabling(s *snapshot, w *signalcast.Switch) (routes int, text string) {
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
		b.WriteString("  " + quoted(h.config.configured(r.Topic)) + ":\n    enabled: false\n")
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

// switchPosted serves both forms of the page: one switches off, and one ends a switch.
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

func statusOf(err error) int {
	if errors.Is(err, signalcast.ErrClosed) {
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

func (h *Handler) apiSwitchOff(q *request) {
	var in switchInput
	if !q.readJSON(&in) {
		return
	}
	if err := h.switchOff(in, q.access.User); err != nil {
		q.failed(err)
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
		q.failed(err)
		return
	}
	h.apiSwitches(q)
}
