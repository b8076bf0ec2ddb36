package adminhttp

import (
	"fmt"
	"strings"
)

// state is the state of a route. It is also the name of its icon and CSS class.
type state string

const (
	stateDelivering state = "delivering"
	stateIdle       state = "idle"
	stateTrouble    state = "trouble"
	stateOff        state = "off"
	stateDisabled   state = "disabled"
	stateDead       state = "dead"
	stateRemoved    state = "removed"
)

// Word returns the state as the pages show it.
func (s state) Word() string {
	switch s {
	case stateTrouble:
		return "in trouble"
	case stateOff:
		return "switched off"
	case stateDead:
		return "dead letters"
	default:
		return string(s)
	}
}

// configured reports whether a route in this state is part of the configuration.
func (s state) configured() bool { return s != stateDead && s != stateRemoved }

// Quiet reports whether the state needs no attention.
func (s state) Quiet() bool { return s != stateTrouble && s != stateOff }

// worse returns the state that needs more attention.
func worse(a, b state) state {
	for _, s := range []state{stateTrouble, stateOff, stateDelivering, stateIdle, stateDead, stateDisabled} {
		if a == s || b == s {
			return s
		}
	}
	return a
}

// summary is the state of the dispatcher.
type summary struct {
	// Level is "ok", "attention" or "trouble".
	Level string `json:"level"`
	// Text is a sentence: "Delivering. 1 topic in trouble, 1 route switched off."
	Text string `json:"text"`
}

// summarize returns the state of the dispatcher in a sentence.
func (s *snapshot) summarize() summary {
	enabled, off, troubled := 0, 0, map[string]bool{}
	for i := range s.routes {
		r := &s.routes[i]
		if !r.state.configured() || r.state == stateDisabled {
			continue
		}
		enabled++
		if r.state == stateOff {
			off++
		}
		if r.trouble != nil {
			troubled[r.Topic] = true
		}
	}
	text := "Idle."
	switch rate := s.rates.Delivered; {
	case s.health.Closed:
		return summary{"trouble", "Closed. Nothing is published."}
	case enabled == 0:
		text = "Publishes nothing: no route is enabled."
	case off == enabled:
		text = "Everything is switched off."
	case s.allTroubled:
		text = "Not delivering."
	case rate > 0:
		text = "Delivering."
	}
	if list := s.concerns(len(troubled), off); len(list) > 0 {
		text += " " + strings.Join(list, ", ") + "."
	}
	if s.configuration.Err != nil {
		text += " The new configuration is not in effect."
	}
	switch {
	case s.allTroubled || s.configuration.Err != nil || len(s.health.Troubles) > 0:
		return summary{"trouble", text}
	case off > 0 || enabled == 0:
		return summary{"attention", text}
	default:
		return summary{"ok", text}
	}
}

// concerns lists what needs attention. troubled is the number of topics of enabled routes in trouble, and off that of routes
// switched off.
func (s *snapshot) concerns(troubled, off int) []string {
	var list []string
	switch {
	case troubled > 0:
		list = append(list, count(troubled, "topic")+" in trouble")
	case len(s.health.Troubles) > 0: // of topics without enabled routes, such as those of dead letters
		list = append(list, count(len(s.health.Troubles), "topic")+" in trouble")
	}
	if off > 0 {
		list = append(list, count(off, "route")+" switched off")
	}
	if full := bufferView(s.health.Buffer).Percent(); full > 80 {
		list = append(list, fmt.Sprintf("buffer %d %% full", full))
	}
	if failed := s.failedInHour(); failed > 0 {
		list = append(list, count(int(failed), "message")+" failed in the last hour")
	}
	return list
}

// failedInHour returns how many messages failed or were rejected in the last hour.
func (s *snapshot) failedInHour() int64 {
	if len(s.samples) == 0 {
		return 0
	}
	first := s.samples[0]
	return s.stats.Failed + s.stats.Rejected - first.failed - first.rejected
}

// count returns a number with its noun: "1 topic", "2 topics".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return number(int64(n)) + " " + noun + "s"
}
