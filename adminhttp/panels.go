package adminhttp

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/outbox"
)

// outboxTimeout bounds the query of the outbox page.
const outboxTimeout = 2 * time.Second

// outboxView has the data of the outbox page.
type outboxView struct {
	// Status is nil if Config.Outbox is nil or failed.
	Status *outboxStatus `json:"status,omitempty"`
	// Error is the error of Config.Outbox, or empty.
	Error  string      `json:"error,omitempty"`
	Relays []relayView `json:"relays"`
}

// outboxStatus is an outbox.Status.
type outboxStatus struct {
	Pending int64      `json:"pending"`
	Parked  int64      `json:"parked"`
	Failing int64      `json:"failing"`
	Oldest  *time.Time `json:"oldest,omitempty"`
	Holder  string     `json:"holder,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	Now     time.Time  `json:"now"` // by the clock of the database
}

type relayView struct {
	Name string `json:"name"`
	relayStats
}

// relayStats is an outbox.Stats.
type relayStats struct {
	Leading        bool  `json:"leading"`
	Read           int64 `json:"read"`
	Delivered      int64 `json:"delivered"`
	Failed         int64 `json:"failed"`
	Parked         int64 `json:"parked"`
	Deleted        int64 `json:"deleted"`
	InFlight       int64 `json:"in_flight"`
	HeldLanes      int64 `json:"held_lanes"`
	DatabaseErrors int64 `json:"database_errors"`
}

func (h *Handler) outboxView(q *request) outboxView {
	v := outboxView{Relays: []relayView{}}
	for _, name := range slices.Sorted(maps.Keys(h.config.Relays)) {
		v.Relays = append(v.Relays, relayView{name, relayStats(h.config.Relays[name].Stats())})
	}
	if h.config.Outbox == nil {
		return v
	}
	ctx, cancel := context.WithTimeout(q.Context(), outboxTimeout)
	defer cancel()
	status, err := h.config.Outbox(ctx)
	if err != nil {
		v.Error = errorText(err)
		return v
	}
	v.Status = newOutboxStatus(&status)
	return v
}

func newOutboxStatus(s *outbox.Status) *outboxStatus {
	v := &outboxStatus{Pending: s.Pending, Parked: s.Parked, Failing: s.Failing, Oldest: timeOrNil(s.Oldest), Holder: s.Lease.Holder, Now: s.Now.UTC()}
	if v.Holder != "" {
		v.Until = timeOrNil(s.Lease.Until)
	}
	return v
}

func (h *Handler) outbox(q *request) {
	h.show(q, http.StatusOK, "outbox", "Outbox", h.snapshot(), h.outboxView(q))
}

func (h *Handler) apiOutbox(q *request) { q.writeJSON(http.StatusOK, h.outboxView(q)) }

// consumersView has the data of the consumers page.
type consumersView struct {
	Consumers []consumerView `json:"consumers"`
}

// consumerView is a consume.Status with the counts.
type consumerView struct {
	Name     string           `json:"name"`
	Running  bool             `json:"running"`
	Group    string           `json:"group"`
	Feeds    []feedView       `json:"feeds"`
	Retrying []retryingView   `json:"retrying"`
	Troubles []troubleView    `json:"troubles"`
	Topics   []topicView      `json:"topics"`
	Skipped  map[string]int64 `json:"skipped"`
}

type feedView struct {
	Topic     string     `json:"topic"`
	Partition int32      `json:"partition"`
	Lag       int64      `json:"lag"` // -1 means unknown
	Pending   int        `json:"pending"`
	Oldest    *time.Time `json:"oldest,omitempty"`
	Draining  bool       `json:"draining"`
}

type retryingView struct {
	Position  string    `json:"position"`
	EventType string    `json:"event_type,omitempty"`
	Since     time.Time `json:"since"`
	Next      time.Time `json:"next"`
	Attempts  int       `json:"attempts"`
	Error     string    `json:"error"`
}

type topicView struct {
	Topic string `json:"topic"`
	topicStats
}

// topicStats is a consume.TopicStats.
type topicStats struct {
	Received     int64 `json:"received"`
	Handled      int64 `json:"handled"`
	Skipped      int64 `json:"skipped"`
	DeadLettered int64 `json:"dead_lettered"`
	Dropped      int64 `json:"dropped"`
	Returned     int64 `json:"returned"`
	Pending      int64 `json:"pending"`
	Failed       int64 `json:"failed"`
	Lost         int64 `json:"lost"`
}

func (h *Handler) consumersView() consumersView {
	v := consumersView{Consumers: []consumerView{}}
	for _, name := range slices.Sorted(maps.Keys(h.config.Consumers)) {
		v.Consumers = append(v.Consumers, newConsumerView(name, h.config.Consumers[name]))
	}
	return v
}

func newConsumerView(name string, c *consume.Consumer) consumerView {
	status, stats := c.Status(), c.Stats()
	v := consumerView{
		Name: name, Running: status.Running, Group: status.Group, Feeds: []feedView{}, Retrying: []retryingView{}, Troubles: []troubleView{},
		Topics: []topicView{}, Skipped: stats.Skipped,
	}
	for _, f := range status.Feeds {
		v.Feeds = append(v.Feeds, feedView{f.Topic, f.Partition, f.Lag, f.Pending, timeOrNil(f.Oldest), f.Draining})
	}
	for _, r := range status.Retrying {
		v.Retrying = append(v.Retrying, retryingView{r.Position, r.EventType, r.Since.UTC(), r.Next.UTC(), r.Attempts, errorText(r.Err)})
	}
	for _, t := range status.Troubles {
		v.Troubles = append(v.Troubles, troubleOf(t))
	}
	for _, topic := range slices.Sorted(maps.Keys(stats.Topics)) {
		v.Topics = append(v.Topics, topicView{topic, topicStats(stats.Topics[topic])})
	}
	return v
}

func (h *Handler) consumers(q *request) {
	h.show(q, http.StatusOK, "consumers", "Consumers", h.snapshot(), h.consumersView())
}

func (h *Handler) apiConsumers(q *request) { q.writeJSON(http.StatusOK, h.consumersView()) }
