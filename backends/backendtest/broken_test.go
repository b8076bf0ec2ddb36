package backendtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/backends/memory"
)

const maxMessageBytes = 256 << 10

// subject is a backend over a correct one. Tests replace parts of it by broken ones.
type subject struct {
	good   *memory.Backend
	limits backendtest.Limits

	prepare func(context.Context, []signalcast.Route) error
	publish func(context.Context, *signalcast.Message, func(signalcast.Receipt, error)) error
	flush   func(context.Context) error
	close   func(context.Context) error
	read    func(topic string) []backendtest.Record
	start   func()

	buffered func() signalcast.BufferUsage
	troubles func() []signalcast.Trouble

	mu   sync.Mutex
	away bool // between Stop and Start
}

func (s *subject) Prepare(ctx context.Context, routes []signalcast.Route) error {
	return s.prepare(ctx, routes)
}

func (s *subject) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	return s.publish(ctx, m, done)
}
func (s *subject) Flush(ctx context.Context) error  { return s.flush(ctx) }
func (s *subject) Close(ctx context.Context) error  { return s.close(ctx) }
func (s *subject) Buffered() signalcast.BufferUsage { return s.buffered() }
func (s *subject) Troubles() []signalcast.Trouble   { return s.troubles() }

func newSubject(limits backendtest.Limits) *subject {
	s := &subject{limits: limits}
	s.use(memory.WithBuffer(limits.Messages, limits.Bytes))
	return s
}

// use replaces the good backend by one with other options.
func (s *subject) use(opts ...memory.Option) {
	if s.limits.FailFast {
		opts = append(opts, memory.FailFast())
	}
	s.good = memory.New(opts...)
	s.flush, s.close, s.start = s.good.Flush, s.good.Close, s.good.Release
	s.buffered, s.troubles = s.good.Buffered, s.good.Troubles
	s.prepare = func(ctx context.Context, routes []signalcast.Route) error {
		faults := []error{s.good.Prepare(ctx, routes)}
		for _, r := range routes {
			if strings.Contains(r.Topic, " ") {
				faults = append(faults, fmt.Errorf("topic %q has a blank", r.Topic))
			}
		}
		return errors.Join(faults...)
	}
	s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
		if size(m) > maxMessageBytes {
			return signalcast.ErrTooLarge
		}
		return s.good.Publish(ctx, m, done)
	}
	s.read = func(topic string) []backendtest.Record { return records(topic, s.good.Messages()) }
}

func (s *subject) isAway() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away
}

func (s *subject) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

func size(m *signalcast.Message) int { return len(m.Key) + len(m.Event.Value) }

func records(topic string, messages []*signalcast.Message) []backendtest.Record {
	var found []backendtest.Record
	for _, m := range messages {
		if m.Topic == topic {
			found = append(found, backendtest.Record{
				Key: m.Key, Value: m.Event.Value, Attributes: backendtest.Attributes(m.Event.Metadata),
			})
		}
	}
	return found
}

// harness makes correct backends, and breaks them with breakIt unless that is nil.
func harness(breakIt func(*subject, *testing.T), t *testing.T) backendtest.Harness {
	t.Helper()
	return backendtest.Harness{
		New: func(_ testing.TB, limits backendtest.Limits) backendtest.Subject {
			s := newSubject(limits)
			if breakIt != nil {
				breakIt(s, t)
			}
			return backendtest.Subject{
				Backend: s,
				Read:    s.read,
				Stop:    func() { s.setAway(true); s.good.Hold() },
				Start:   func() { s.setAway(false); s.start() },
			}
		},
		MaxMessageBytes: maxMessageBytes,
		RejectedTopics:  []string{"bad topic", "worse topic"},
	}
}

func TestGoodBackendPasses(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, harness(nil, t))
}

func TestBrokenBackendFailsItsCaseAndNoOther(t *testing.T) {
	t.Parallel()
	breakages := breakages()
	for _, c := range backendtest.Cases(harness(nil, t)) {
		breakIt := breakages[c.Name]
		delete(breakages, c.Name)
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if breakIt == nil {
				t.Fatal("no backend breaks this rule")
			}
			for _, other := range backendtest.Cases(harness(breakIt, t)) {
				h := harness(breakIt, t)
				if other.Name == c.Name {
					h.Patience = 200 * time.Millisecond
				}
				failed, log := check(t, other, h)
				if failed != (other.Name == c.Name) {
					t.Errorf("failed case %s: %t; it said:\n%s", other.Name, failed, log)
				}
				if failed && !strings.Contains(log, "rule "+other.Name+": "+other.Rule) {
					t.Errorf("the rule of case %s is not in what it said:\n%s", other.Name, log)
				}
			}
		})
	}
	for name := range breakages {
		t.Errorf("there is no case %s", name)
	}
}

func TestCasesThatTheDestinationCannotPassAreLeftOut(t *testing.T) {
	t.Parallel()
	names := func(h backendtest.Harness) []string {
		var names []string
		for _, c := range backendtest.Cases(h) {
			names = append(names, c.Name)
		}
		return names
	}
	all := names(harness(nil, t))
	few := names(backendtest.Harness{NoKeys: true, NoAttributes: true, NoOrder: true, NoFailFast: true})
	left := slices.DeleteFunc(all, func(name string) bool { return slices.Contains(few, name) })
	want := []string{
		"prepare-rejects", "keys-unchanged", "attributes-unchanged", "order", "order-outage",
		"too-large-for-broker", "fail-fast",
	}
	if !slices.Equal(left, want) {
		t.Fatalf("left out are %v, want %v", left, want)
	}
}

func TestIncompleteSubjectIsRejected(t *testing.T) {
	t.Parallel()
	h := harness(nil, t)
	whole := h.New
	h.New = func(t testing.TB, limits backendtest.Limits) backendtest.Subject {
		t.Helper()
		s := whole(t, limits)
		s.Stop = nil
		return s
	}
	for _, c := range backendtest.Cases(h) {
		if failed, log := check(t, c, h); !failed || !strings.Contains(log, "must set every field") {
			t.Errorf("case %s failed: %t; it said:\n%s", c.Name, failed, log)
		}
	}
}

// breakages returns for each case how to break a backend so that it fails that one.
func breakages() map[string]func(*subject, *testing.T) {
	all := map[string]func(*subject, *testing.T){}
	for _, part := range []map[string]func(*subject, *testing.T){
		brokenPrepares(), brokenDeliveries(), brokenBuffers(), brokenHealth(), brokenCloses(),
	} {
		maps.Copy(all, part)
	}
	return all
}

func brokenPrepares() map[string]func(*subject, *testing.T) {
	return map[string]func(*subject, *testing.T){
		"prepare-away": func(s *subject, _ *testing.T) {
			prepare := s.prepare
			s.prepare = func(ctx context.Context, routes []signalcast.Route) error {
				if s.isAway() {
					return errSomething
				}
				return prepare(ctx, routes)
			}
		},
		"prepare-in-service": func(s *subject, _ *testing.T) {
			var serving sync.Map // of the routes prepared last only
			prepare, publish := s.prepare, s.publish
			s.prepare = func(ctx context.Context, routes []signalcast.Route) error {
				serving.Clear()
				for _, r := range routes {
					serving.Store(r.Topic, true)
				}
				return prepare(ctx, routes)
			}
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				if _, ok := serving.Load(m.Topic); !ok {
					return errors.New("unknown topic")
				}
				return publish(ctx, m, done)
			}
		},
		"prepare-rejects": func(s *subject, _ *testing.T) {
			prepare := s.prepare
			s.prepare = func(ctx context.Context, routes []signalcast.Route) error {
				for _, r := range routes {
					if err := prepare(ctx, []signalcast.Route{r}); err != nil {
						return err // and none of the next
					}
				}
				return prepare(ctx, nil)
			}
		},
	}
}

func brokenDeliveries() map[string]func(*subject, *testing.T) {
	return map[string]func(*subject, *testing.T){
		"delivered": func(s *subject, _ *testing.T) {
			first := "" // the topic that gets everything
			prepare, publish := s.prepare, s.publish
			s.prepare = func(ctx context.Context, routes []signalcast.Route) error {
				if len(routes) == 2 {
					first = routes[0].Topic
				}
				return prepare(ctx, routes)
			}
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				if first != "" {
					redirected := *m
					redirected.Topic = first
					m = &redirected
				}
				return publish(ctx, m, done)
			}
		},
		"values-unchanged": func(s *subject, _ *testing.T) {
			s.changeRecords(func(r *backendtest.Record) { r.Value = bytes.ToValidUTF8(r.Value, nil) })
		},
		"keys-unchanged": func(s *subject, _ *testing.T) {
			s.changeRecords(func(r *backendtest.Record) { r.Key = append([]byte{}, r.Key...) })
		},
		"attributes-unchanged": func(s *subject, _ *testing.T) {
			s.changeRecords(func(r *backendtest.Record) {
				maps.DeleteFunc(r.Attributes, func(_, value string) bool { return value == "" })
			})
		},
		"done-once": func(s *subject, _ *testing.T) {
			s.wrapDone(func(_ context.Context, _ *signalcast.Message, done func(error), err error) {
				done(err)
				done(err)
			})
		},
		"done-may-publish": func(s *subject, _ *testing.T) {
			var mu sync.Mutex
			publish := s.publish
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				mu.Lock()
				defer mu.Unlock()
				return publish(ctx, m, done)
			}
		},
		"many-goroutines": func(s *subject, _ *testing.T) {
			keys := map[string]bool{} // there is room for 50
			read := s.read
			s.read = func(topic string) []backendtest.Record {
				return slices.DeleteFunc(read(topic), func(r backendtest.Record) bool {
					keys[string(r.Key)] = keys[string(r.Key)] || len(keys) < 50
					return !keys[string(r.Key)]
				})
			}
		},
		"message-read-only": func(s *subject, _ *testing.T) {
			publish := s.publish
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				err := publish(ctx, m, done)
				m.KeySchema = nil
				return err
			}
		},
		"message-not-kept": func(s *subject, _ *testing.T) {
			var mu sync.Mutex
			var kept []*signalcast.Message
			s.wrapDone(func(_ context.Context, m *signalcast.Message, done func(error), err error) {
				if err == nil {
					mu.Lock()
					kept = append(kept, m)
					mu.Unlock()
				}
				done(err)
			})
			s.read = func(topic string) []backendtest.Record { return records(topic, kept) }
		},
		"outage": func(s *subject, _ *testing.T) {
			late := s.markLate()
			read := s.read
			s.read = func(topic string) []backendtest.Record { return slices.DeleteFunc(read(topic), late) }
		},
		"order": func(s *subject, _ *testing.T) {
			read := s.read
			s.read = func(topic string) []backendtest.Record {
				found := read(topic)
				if len(found) > 800 {
					found[700], found[704] = found[704], found[700]
				}
				return found
			}
		},
		"order-outage": func(s *subject, _ *testing.T) {
			late := s.markLate()
			read := s.read
			s.read = func(topic string) []backendtest.Record {
				found := read(topic)
				inTime := slices.DeleteFunc(slices.Clone(found), late)
				return append(inTime, slices.DeleteFunc(found, func(r backendtest.Record) bool { return !late(r) })...)
			}
		},
	}
}

// changeRecords makes the destination hold something else than was published.
func (s *subject) changeRecords(change func(*backendtest.Record)) {
	read := s.read
	s.read = func(topic string) []backendtest.Record {
		found := read(topic)
		for i := range found {
			change(&found[i])
		}
		return found
	}
}

// markLate returns a function that knows the records of messages published
// while the destination was away.
func (s *subject) markLate() func(backendtest.Record) bool {
	var late sync.Map
	publish := s.publish
	s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
		if s.isAway() {
			late.Store(string(m.Event.Value), true)
		}
		return publish(ctx, m, done)
	}
	return func(r backendtest.Record) bool {
		_, ok := late.Load(string(r.Value))
		return ok
	}
}

// wrapDone puts a function between the good backend and done.
func (s *subject) wrapDone(between func(ctx context.Context, m *signalcast.Message, done func(error), err error)) {
	publish := s.publish
	s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
		return publish(ctx, m, func(r signalcast.Receipt, err error) {
			between(ctx, m, func(err error) { done(r, err) }, err)
		})
	}
}
