package adminhttp

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// flowMap is the map of the overview: event types on the left, topics on the right, and a line for each route. All rows
// have the same height, so the ends of a line are at known places.
type flowMap struct {
	Left     []mapRow  // event types, with a heading before each group
	Right    []mapCell // topics; empty cells are between them
	Lines    []mapLine
	Rows     int
	Unrouted []unroutedType // not drawn, but listed
}

// mapRow is a heading, or an event type.
type mapRow struct {
	Heading string // "org.openedx.learning", or empty
	Name    string // the rest of the event type
	mapCell
}

// mapCell is an event type on the left, or a topic on the right, with the sum of its routes.
type mapCell struct {
	Full  string   // the event type or topic; empty for an empty cell
	Keys  []string // of its routes
	Rate  float64  // the sum of their rates
	State state    // the one that needs the most attention
}

// Quiet reports whether the state needs no attention.
func (c *mapCell) Quiet() bool { return c.State.Quiet() }

// EventTypeLink returns the address of the only route of an event type, or of the list of its routes.
func (c *mapCell) EventTypeLink() string { return c.link("event_type") }

// TopicLink returns the address of the only route to a topic, or of the list of its routes.
func (c *mapCell) TopicLink() string { return c.link("topic") }

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
	Width    int // the width class, 0 to 5
	State    state
}

// unroutedType is an event type without a configured topic.
type unroutedType struct {
	EventType string
	Events    int // that were sent
}

// layOut returns the map of the routes of a snapshot. eventTypes are all registered event types, sorted.
func layOut(s *snapshot, eventTypes []string) *flowMap {
	m := &flowMap{}
	byTopic := map[string]*placedTopic{}
	group := ""
	for _, eventType := range withRoutes(s, eventTypes) {
		routes := s.configuredRoutes(eventType)
		if len(routes) == 0 {
			m.Unrouted = append(m.Unrouted, unroutedType{eventType, int(s.unrouted[eventType])})
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

// configuredRoutes returns the routes of an event type that are part of the configuration.
func (s *snapshot) configuredRoutes(eventType string) []route {
	var list []route
	i, _ := slices.BinarySearchFunc(s.routes, eventType, func(r route, e string) int { return cmp.Compare(r.EventType, e) })
	for ; i < len(s.routes) && s.routes[i].EventType == eventType; i++ {
		if s.routes[i].state.configured() {
			list = append(list, s.routes[i])
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

// placedTopic is a topic and the row that it is placed in.
type placedTopic struct {
	mapCell

	sum int // of the rows of its event types
	row int
}

// average returns the average row of the event types.
func (t *placedTopic) average() float64 { return float64(t.sum) / float64(len(t.Keys)) }

// placeTopics places each topic near the average row of its event types, in the order of these averages, so that few
// lines cross.
func (m *flowMap) placeTopics(byTopic map[string]*placedTopic) {
	topics := make([]*placedTopic, 0, len(byTopic))
	for _, t := range byTopic {
		topics = append(topics, t)
	}
	slices.SortFunc(topics, func(a, b *placedTopic) int {
		return cmp.Or(cmp.Compare(a.average(), b.average()), cmp.Compare(a.Full, b.Full))
	})
	m.Rows = max(len(m.Left), len(topics))
	next := 0 // the first free row
	for _, t := range topics {
		t.row = max(next, int(math.Round(t.average())))
		next = t.row + 1
	}
	limit := m.Rows // topics that were placed below the last row move up
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
	slices.SortStableFunc(m.Lines, func(a, b mapLine) int { return cmp.Compare(drawingOrder(a.State), drawingOrder(b.State)) })
}

func drawingOrder(s state) int {
	return slices.Index([]state{stateDisabled, stateIdle, stateDelivering, stateOff, stateTrouble}, s)
}

// splitName splits an event type into the group of its first three parts and the rest: "org.openedx.learning" and
// "badge.awarded.v1". An event type with fewer than four parts has no group.
func splitName(eventType string) (group, name string) {
	parts := strings.SplitN(eventType, ".", 4)
	if len(parts) < 4 {
		return "", eventType
	}
	return strings.Join(parts[:3], "."), parts[3]
}

// widthOf returns the width class of a line: 0 without messages, 1 up to one message per second, and one more for
// each power of ten, at most 5.
func widthOf(rate float64) int {
	if rate <= 0 {
		return 0
	}
	return int(min(max(math.Ceil(math.Log10(rate)), 0), 4)) + 1
}
