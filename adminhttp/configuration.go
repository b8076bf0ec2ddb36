package adminhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

// checkTimeout bounds a check of the configuration, which may wait for a schema registry.
const checkTimeout = 30 * time.Second

// settingView is a setting of a route in one layer.
type settingView struct {
	Layer string `json:"layer"`
	Line  int    `json:"line,omitempty"`
	// Column counts from 1, in characters.
	Column int    `json:"column,omitempty"`
	Field  string `json:"field"`
	Value  string `json:"value"`
	// Overridden is true if a later layer sets the field too.
	Overridden bool `json:"overridden"`
}

// Place returns "site.yaml:3:5".
func (s settingView) Place() string { return place(s.Layer, s.Line, s.Column) }

func place(layer string, line, column int) string {
	if line == 0 {
		return layer
	}
	return fmt.Sprintf("%s:%d:%d", layer, line, column)
}

// settings returns the settings of a route in all layers.
func (h *Handler) settings(s *snapshot, r *route) []settingView {
	views := []settingView{}
	loaded := s.configuration.Loaded
	if loaded == nil {
		return views
	}
	for _, field := range []string{"enabled", "event_key_field", "mode"} {
		list := loaded.Provenance.Settings(r.EventType, h.config.withoutPrefix(r.Topic), field)
		for i, set := range list {
			views = append(views, settingView{set.Layer, set.Line, set.Column, set.Field, set.Value, i < len(list)-1})
		}
	}
	return views
}

// why returns why a route is published or not: "enabled by site.yaml:3:5", or "switched off: " and the reason.
func (h *Handler) why(s *snapshot, r *route) string {
	if len(r.off) > 0 {
		return "switched off: " + r.off[0].Reason
	}
	text := "disabled"
	if r.Enabled {
		text = "enabled"
	}
	settings := h.settings(s, r)
	i := slices.IndexFunc(settings, func(v settingView) bool { return v.Field == "enabled" && !v.Overridden })
	if i < 0 {
		return text
	}
	return text + " by " + settings[i].Place()
}

// configurationView has the data of the configuration page.
type configurationView struct {
	// Known is false if Config.Configuration is nil.
	Known      bool        `json:"known"`
	Generation int         `json:"generation,omitempty"`
	LoadedAt   *time.Time  `json:"loaded_at,omitempty"`
	CheckedAt  *time.Time  `json:"checked_at,omitempty"`
	Layers     []layerView `json:"layers"`
	// Rejected is nil if the configuration of the sources is in effect.
	Rejected *rejectedView `json:"rejected,omitempty"`

	CanCheck bool   `json:"-"`
	Checked  string `json:"-"` // the result of "Check now", or empty
}

type layerView struct {
	Name       string `json:"name"`
	EventTypes int    `json:"event_types"`
	Topics     int    `json:"topics"`
}

// rejectedView has the problems of a configuration that was rejected.
type rejectedView struct {
	Since    time.Time     `json:"since"`
	RetryAt  *time.Time    `json:"retry_at,omitempty"`
	Problems []problemView `json:"problems"`
	// Omitted is the number of problems that are not in Problems.
	Omitted int `json:"omitted,omitempty"`
	// Errors are the other errors, such as that of a file that cannot be read.
	Errors []string `json:"errors"`
}

type problemView struct {
	Code      string `json:"code"`
	Layer     string `json:"layer,omitempty"`
	Line      int    `json:"line,omitempty"`
	Column    int    `json:"column,omitempty"`
	EventType string `json:"event_type,omitempty"`
	Topic     string `json:"topic,omitempty"`
	Field     string `json:"field,omitempty"`
	Found     string `json:"found"`
	Want      string `json:"want,omitempty"`
	Nearest   string `json:"nearest,omitempty"`
	Path      string `json:"-"`
}

// Place returns "site.yaml:3:5", or "" if the layer is not known.
func (p problemView) Place() string { return place(p.Layer, p.Line, p.Column) }

func (h *Handler) configurationView(s *snapshot) *configurationView {
	c := &s.configuration
	v := &configurationView{
		Known: h.config.Configuration != nil, Generation: c.Generation, LoadedAt: timeOrNil(c.LoadedAt), CheckedAt: timeOrNil(c.CheckedAt),
		Layers: []layerView{}, CanCheck: h.config.Check != nil,
	}
	if c.Loaded != nil {
		for _, l := range c.Loaded.Layers {
			layer := layerView{Name: l.Name, EventTypes: len(l.Config)}
			for _, topics := range l.Config {
				layer.Topics += len(topics)
			}
			v.Layers = append(v.Layers, layer)
		}
	}
	if c.Err != nil {
		v.Rejected = newRejectedView(c)
	}
	return v
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func newRejectedView(c *configfile.WatchStatus) *rejectedView {
	v := &rejectedView{Since: c.Since.UTC(), RetryAt: timeOrNil(c.RetryAt), Problems: []problemView{}, Errors: []string{}}
	invalid, ok := errors.AsType[*signalcast.ValidationError](c.Err)
	if !ok {
		v.Errors = append(v.Errors, c.Err.Error())
		return v
	}
	v.Omitted = invalid.Omitted
	for _, p := range invalid.Problems {
		v.Problems = append(v.Problems, problemView{
			string(p.Code), p.Layer, p.Line, p.Column, p.EventType, p.Topic, p.Field, p.Found, p.Want, p.Nearest, p.ConfigPath.String(),
		})
	}
	v.Errors = append(v.Errors, otherErrors(c.Err)...)
	return v
}

// otherErrors returns the texts of the errors that are joined with a ValidationError.
func otherErrors(err error) []string {
	joined, ok := err.(interface{ Unwrap() []error }) // the structure of the error is wanted
	if !ok {
		if inner := errors.Unwrap(err); inner != nil {
			return otherErrors(inner)
		}
		return nil
	}
	var texts []string
	for _, e := range joined.Unwrap() {
		if _, invalid := errors.AsType[*signalcast.ValidationError](e); invalid {
			texts = append(texts, otherErrors(e)...)
		} else {
			texts = append(texts, e.Error())
		}
	}
	return texts
}

func (h *Handler) configuration(q *request) {
	s := h.snapshot()
	h.show(q, http.StatusOK, "configuration", "Configuration", s, h.configurationView(s))
}

func (h *Handler) apiConfiguration(q *request) {
	q.writeJSON(http.StatusOK, h.configurationView(h.snapshot()))
}

// check runs Config.Check for at most checkTimeout.
func (h *Handler) check(q *request) error {
	ctx, cancel := context.WithTimeout(q.Context(), checkTimeout)
	defer cancel()
	return h.config.Check(ctx)
}

func (h *Handler) checkPosted(q *request) {
	if h.config.Check == nil {
		q.fail(&httpError{http.StatusNotFound, "the service does not check its configuration"})
		return
	}
	if !q.readForm() {
		return
	}
	status, result := http.StatusOK, "Checked: the sources are in effect."
	if err := h.check(q); err != nil {
		status, result = http.StatusUnprocessableEntity, "Checked: "+err.Error()
	}
	s := h.snapshot()
	v := h.configurationView(s)
	if v.Rejected == nil || status == http.StatusOK {
		v.Checked = result
	}
	h.show(q, status, "configuration", "Configuration", s, v)
}

func (h *Handler) apiCheck(q *request) {
	if h.config.Check == nil {
		q.fail(&httpError{http.StatusNotFound, "the service does not check its configuration"})
		return
	}
	if !q.readJSON(&struct{}{}) {
		return
	}
	status := http.StatusOK
	if err := h.check(q); err != nil {
		status = http.StatusUnprocessableEntity
	}
	q.writeJSON(status, h.configurationView(h.snapshot()))
}
