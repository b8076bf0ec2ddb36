package consumetest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/consumetest"
)

// broker is a broker in memory whose sources can be broken.
type broker struct {
	backend *memory.Backend
	faults  faults
	ordered bool

	mu     sync.Mutex
	places map[string]*place // by group and topic
	fields map[string][]consume.Field
	down   bool
}

// place is where a group is in a topic.
type place struct {
	next    int
	open    map[int]bool
	reading chan struct{} // holds a value while a member reads
}

// faults are what is wrong with the sources of a broker.
type faults struct {
	twice, reversed, noVersion, noTrace, samePosition, firstTopic, oneGroup, noRoom, noStart bool
	neverAcknowledge, acknowledgeAtOnce, acknowledgeHighest, fromStart, readOn               bool
	noKey, noFields, noClose, errAtOnce, noWorks, hang, shared, forgets                      bool
}

func newBroker() *broker {
	return &broker{backend: memory.New(), places: map[string]*place{}, fields: map[string][]consume.Field{}}
}

func (b *broker) target() consumetest.Target {
	return consumetest.Target{
		New: func(_ testing.TB, m consumetest.Member) consume.Source {
			life, kill := context.WithCancel(context.Background())
			return &subject{b, m, life, kill}
		},
		Backend: func(testing.TB) signalcast.Backend { return open{b.backend} },
		Kill:    func(_ testing.TB, s consume.Source) { s.(*subject).kill() },
		Interrupt: func(testing.TB) (restore func()) {
			b.setDown(true)
			return func() { b.setDown(false) }
		},
		NoSharing: true,
	}
}

func (b *broker) setDown(down bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = down
}

func (b *broker) isDown() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}

// subject is a source of a broker.
type subject struct {
	*broker

	member consumetest.Member
	life   context.Context //nolint:containedctx // ends when the member is killed
	kill   context.CancelFunc
}

func (s *subject) Group() string { return s.member.Group }

func (s *subject) Publish(ctx context.Context, topic string, m *consume.Message, extra []consume.Field) error {
	to := *m.Raw.(*signalcast.Message)
	to.Topic = topic
	if s.faults.noKey {
		to.Key = nil
	}
	s.mu.Lock()
	if !s.faults.noFields {
		s.fields[topic+to.Event.ID.String()] = slices.Concat(m.Extra, extra)
	}
	s.mu.Unlock()
	return s.backend.Publish(ctx, &to, func(signalcast.Receipt, error) {})
}

func (s *subject) Run(ctx context.Context, in *consume.Intake) error {
	if s.faults.errAtOnce && ctx.Err() != nil {
		return errors.New("ended at once")
	}
	topics := s.member.Topics
	if s.faults.firstTopic {
		topics = topics[:1]
	}
	var readers sync.WaitGroup
	for _, topic := range topics {
		readers.Go(func() { s.read(ctx, in, topic) })
	}
	readers.Wait()
	return nil
}

// placeOf returns the place of the group in a topic.
func (s *subject) placeOf(topic string) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.member.Group + "/" + topic
	if s.faults.oneGroup {
		name = topic
	}
	if s.faults.shared {
		name += fmt.Sprintf("/%p", s)
	}
	p := s.places[name]
	if p == nil {
		p = &place{open: map[int]bool{}, reading: make(chan struct{}, 1)}
		if s.member.Start.IsLatest() && !s.faults.noStart {
			p.next = len(s.backend.Messages(topic))
		}
		s.places[name] = p
	}
	return p
}

// lead waits until no other member reads, and returns what is open and to be read again. leave ends the turn of the member, as
// its death does.
func (s *subject) lead(ctx context.Context, p *place) (again []int, leave func()) {
	select {
	case p.reading <- struct{}{}:
	case <-ctx.Done():
		return nil, func() {}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.fromStart {
		p.next = 0
	}
	if !s.faults.oneGroup {
		again = slices.Sorted(maps.Keys(p.open))
	}
	next := sync.OnceFunc(func() { <-p.reading })
	context.AfterFunc(s.life, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.faults.forgets {
			clear(p.open)
		}
		next()
	})
	return again, next
}

func (s *subject) read(ctx context.Context, in *consume.Intake, topic string) {
	p := s.placeOf(topic)
	again, leave := s.lead(ctx, p)
	defer leave()
	notify := make(chan struct{}, 1)
	feed := in.Open(consume.FeedConfig{Topic: topic, Notify: notify, Ordered: s.ordered})
	if !s.faults.noClose {
		defer feed.Close()
	}
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	stopping := func() bool {
		return ctx.Err() != nil && (!s.faults.hang || !s.isDown()) && (!s.faults.readOn || len(s.backend.Messages(topic)) > 2)
	}
	for !stopping() || s.faults.readOn && feed.Unacknowledged() > 0 {
		switch {
		case s.life.Err() != nil:
		case s.isDown():
			in.Failed("", errors.New("no connection"))
		default:
			if !s.faults.noWorks {
				in.Works("")
			}
			s.acknowledge(feed, p)
			again = s.add(feed, topic, p, again)
		}
		select {
		case <-notify:
		case <-look.C:
		}
	}
	if s.faults.readOn {
		s.add(feed, topic, p, again)
		for feed.Unacknowledged() < 2 && len(s.backend.Messages(topic)) > 2 {
			<-look.C
		}
	}
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.Grace())
	defer cancel()
	_ = feed.Drain(draining)
	if s.life.Err() != nil {
		return
	}
	s.acknowledge(feed, p)
}

func (s *subject) acknowledge(feed *consume.Feed, p *place) {
	positions, n := feed.Take(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, position := range positions {
		switch {
		case s.faults.neverAcknowledge:
		case s.ordered, s.faults.acknowledgeHighest:
			maps.DeleteFunc(p.open, func(offset int, _ bool) bool { return offset <= int(position.Offset) })
		default:
			delete(p.open, int(position.Offset))
		}
	}
	feed.Acknowledged(n)
}

func (s *subject) add(feed *consume.Feed, topic string, p *place, again []int) (left []int) {
	messages := s.backend.Messages(topic)
	room := feed.Room()
	if s.faults.noRoom {
		room = len(messages)
	}
	var batch []consume.Message
	s.mu.Lock()
	for ; len(again) > 0 && len(batch) < room; again = again[1:] {
		batch = append(batch, s.message(messages[again[0]], again[0]))
	}
	for ; p.next < len(messages) && len(batch) < room; p.next++ {
		p.open[p.next] = !s.faults.acknowledgeAtOnce
		if s.faults.acknowledgeAtOnce {
			delete(p.open, p.next)
		}
		batch = append(batch, s.message(messages[p.next], p.next))
		if s.faults.twice {
			batch = append(batch, s.message(messages[p.next], p.next))
		}
	}
	s.mu.Unlock()
	if s.faults.reversed {
		slices.Reverse(batch)
	}
	feed.Add(batch)
	return again
}

func (s *subject) message(m *signalcast.Message, n int) consume.Message {
	e := m.Event
	from := consume.Message{
		Topic: m.Topic, ID: strconv.Itoa(n + 1), Offset: int64(n), Key: m.Key, Value: e.Value, Schema: e.ValueSchema, Raw: m,
		Attributes: consume.Attributes{
			Type: []byte(e.EventType), ID: []byte(e.ID.String()), Source: []byte(e.Source), Time: e.AppendTime(nil),
			MinorVersion: strconv.AppendInt(nil, e.MinorVersion, 10), SourceHost: []byte(e.SourceHost), SourceLib: []byte(e.SourceLib),
		},
		Extra: s.fields[m.Topic+e.ID.String()],
	}
	if t := m.Trace; t != nil && !s.faults.noTrace {
		from.Attributes.TraceParent, from.Attributes.TraceState = []byte(t.TraceParent), []byte(t.TraceState)
	}
	if s.faults.samePosition {
		from.ID = "1"
	}
	if s.faults.noVersion {
		from.Attributes.SourceLib = nil
	}
	return from
}
