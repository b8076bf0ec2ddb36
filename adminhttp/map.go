package adminhttp

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// flowMap is the picture of event types on the left, topics on the right, and lines between them. Every row has the
// same height, so that lists of text at both sides fit the lines.
type flowMap struct {
	Left  []mapRow  // event types, with a heading before each group
	Right []mapCell // topics; empty cells are between them
	Lines []mapLine
	Rows  int
	// Unrouted are the event types without a topic, with the number of their events.
	Unrouted []unroutedType
}

// mapRow is a heading, or an event type.
type mapRow struct {
	Heading string // "org.openedx.learning", or empty
	Name    string // the rest of the event type
	mapCell
}

// mapCell is what both sides show of their routes.
type mapCell struct {
	Full string // the event type or topic; empty for an empty cell
	// Keys are the routes whose rates are added.
	Keys  []string
	Rate  float64
	State state
}

// Quiet reports whether the state needs no attention.
func (c *mapCell) Quiet() bool { return c.State.Quiet() }

// EventTypeLink returns the address of the route of an event type, or of the list of its routes.
func (c *mapCell) EventTypeLink() string { return c.link("event_type") }

// TopicLink returns the address of the route to a topic, or of the list of its routes.
func (c *mapCell) TopicLink() string { return c.link("topic") }

// link returns the address of the only route, or of a list of routes.
func (c *mapCell) link(parameter string) string {
	if len(c.Keys) == 1 {
		return "route?key=" + c.Keys[0]
	}
	return address("routes", parameter, c.Full)
}

// mapLine is a route.
type mapLine struct {
	Key      string
	From, To int // rows
	Width    int // class of the rate, 0 to 5
	State    state
}

type unroutedType struct {
	EventType string
	Events    int64
}

// EventCount returns the number of events.
func (u unroutedType) EventCount() int { return int(u.Events) }

// layOut places the routes of a snapshot. eventTypes are all registered event types, sorted.
func layOut(s *snapshot, eventTypes []string) *flowMap {
	m := &flowMap{}
	byTopic := map[string]*placedTopic{}
	group := ""
	for _, eventType := range withRoutes(s, eventTypes) {
		routes := s.mapped(eventType)
		if len(routes) == 0 {
			m.Unrouted = append(m.Unrouted, unroutedType{eventType, s.unrouted[eventType]})
			continue
		}
		heading, name := splitName(eventType)
		if heading != group {
			group = heading
			m.Left = append(m.Left, mapRow{Heading: heading})
		}
		row := mapRow{Name: name, mapCell: mapCell{Full: eventType}}
		at := len(m.Left)
		for i := range routes {
			r := &routes[i]
			row.add(r)
			if byTopic[r.Topic] == nil {
				byTopic[r.Topic] = &placedTopic{mapCell: mapCell{Full: r.Topic}}
			}
			byTopic[r.Topic].add(r)
			byTopic[r.Topic].sum += at
			m.Lines = append(m.Lines, mapLine{Key: r.key, From: at, To: -1, Width: widthOf(r.rate), State: r.state})
		}
		m.Left = append(m.Left, row)
	}
	m.placeTopics(byTopic)
	return m
}

// withRoutes returns the event types to draw: the registered ones and those of routes, sorted.
func withRoutes(s *snapshot, eventTypes []string) []string {
	all := slices.Clone(eventTypes)
	for i := range s.routes {
		all = append(all, s.routes[i].EventType)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mapped returns the routes of an event type that the map shows: those of the configuration.
func (s *snapshot) mapped(eventType string) []route {
	var list []route
	for _, r := range s.ofEventType(eventType) {
		if r.state != stateDead && r.state != stateRemoved {
			list = append(list, r)
		}
	}
	return list
}

func (c *mapCell) add(r *route) {
	c.Keys = append(c.Keys, r.key)
	c.Rate += r.rate
	if len(c.Keys) == 1 {
		c.State = r.state
	} else {
		c.State = worse(c.State, r.state)
	}
}

// placedTopic is a topic beside the average of its event types.
type placedTopic struct {
	mapCell

	sum int // of the rows of its routes
	row int
}

func (t *placedTopic) wanted() float64 { return float64(t.sum) / float64(len(t.Keys)) }

// placeTopics puts each topic into the free row nearest to its event types, in the order of their averages, so that
// few lines cross.
func (m *flowMap) placeTopics(byTopic map[string]*placedTopic) {
	topics := make([]*placedTopic, 0, len(byTopic))
	for _, t := range byTopic {
		topics = append(topics, t)
	}
	slices.SortFunc(topics, func(a, b *placedTopic) int {
		return cmp.Or(cmp.Compare(a.wanted(), b.wanted()), cmp.Compare(a.Full, b.Full))
	})
	m.Rows = max(len(m.Left), len(topics))
	next := 0
	for _, t := range topics {
		t.row = max(next, int(math.Round(t.wanted())))
		next = t.row + 1
	}
	limit := m.Rows
	for _, t := range slices.Backward(topics) {
		limit--
		t.row = min(t.row, limit)
		limit = t.row
	}
	m.Right = make([]mapCell, m.Rows)
	rowOf := map[string]int{}
	for _, t := range topics {
		m.Right[t.row] = t.mapCell
		for _, key := range t.Keys {
			rowOf[key] = t.row
		}
	}
	for i := range m.Lines {
		m.Lines[i].To = rowOf[m.Lines[i].Key]
	}
	// lines that need attention are drawn last, above the others
	slices.SortStableFunc(m.Lines, func(a, b mapLine) int { return cmp.Compare(drawnAt(a.State), drawnAt(b.State)) })
}

func drawnAt(s state) int {
	return slices.Index([]state{stateDisabled, stateIdle, stateDelivering, stateOff, stateTrouble}, s)
}

// splitName splits an event type of at least four parts behind its third, which groups it:
// "org.openedx.learning" and "badge.awarded.v1".
func splitName(eventType string) (group, name string) {
	parts := strings.SplitN(eventType, ".", 4)
	if len(parts) < 4 {
		return "", eventType
	}
	return strings.Join(parts[:3], "."), parts[3]
}

// widthOf returns the class of a line: 0 without messages, then one class more for each power of ten.
func widthOf(rate float64) int {
	if rate <= 0 {
		return 0
	}
	return int(min(max(math.Ceil(math.Log10(rate)), 0), 4)) + 1
}
