// Package backendtest checks that a backend keeps every rule of
// [signalcast.Backend]. A backend's test is a [Harness]:
//
//	func TestConformance(t *testing.T) {
//		backendtest.Run(t, backendtest.Harness{
//			New: func(t testing.TB, limits backendtest.Limits) backendtest.Subject {
//				server := startServer(t)
//				b, err := mine.New(mine.Config{Addr: server.Addr, BufferMessages: limits.Messages, …})
//				if err != nil {
//					t.Fatal(err)
//				}
//				return backendtest.Subject{Backend: b, Read: server.read, Stop: server.stop, Start: server.start}
//			},
//		})
//	}
//
// Each rule is a case of its own, with a fresh backend. A case that fails prints
// its rule. [Bench] measures a backend with the same harness.
package backendtest

import (
	"strconv"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
)

// Harness tells the suite how to work with one kind of backend, and what its
// destination cannot do. Only New must be set.
type Harness struct {
	// New makes a backend, with a destination that works. What New starts, it ends
	// with t.Cleanup. The backend is closed by the suite. The suite's topics have
	// names that were never used before, so that a destination may be shared.
	New func(t testing.TB, limits Limits) Subject

	// NoKeys says that the destination does not store keys.
	NoKeys bool
	// NoAttributes says that the destination does not store the events' metadata.
	NoAttributes bool
	// NoOrder says that the destination does not keep the order of messages with equal keys.
	NoOrder bool
	// NoFailFast says that the backend cannot be configured to fail fast.
	NoFailFast bool
	// MaxMessageBytes is how large key and value may be together, where the
	// destination has a limit below 2 MiB. 0 means that it has none.
	MaxMessageBytes int
	// RejectedTopics are topics that Prepare must reject, where there are any.
	RejectedTopics []string

	// Patience bounds each wait for something that must happen. 0 means 30 s.
	Patience time.Duration
}

// Limits are the bounds of a backend's buffer. Zero means the backend's default,
// which holds at least 2,000 small messages.
type Limits struct {
	// Messages is how many messages may be unacknowledged.
	Messages int
	// Bytes is how large their keys and values may be together. A backend that
	// counts more than keys and values holds less.
	Bytes int
	// FailFast makes Publish answer ErrBufferFull instead of waiting for room.
	FailFast bool
}

// Subject is one backend under test, and its destination. All fields must be set.
// The functions are called from the goroutine of the test, so that they may end it.
type Subject struct {
	Backend signalcast.Backend
	// Read returns what a topic holds: of each partition, if there are several,
	// in the order of writing. It is called while the destination works, also
	// after the backend was closed.
	Read func(topic string) []Record
	// Stop makes the destination unavailable: it acknowledges nothing. The backend
	// keeps messages and goes on trying, for longer than the harness's Patience.
	Stop func()
	// Start makes the destination available again, with everything it had stored.
	// It is called after Stop only.
	Start func()
}

// Record is one message as the destination holds it, without the framing that
// the backend adds.
type Record struct {
	// Key is nil for a message without a key, and not nil for an empty one.
	Key   []byte
	Value []byte
	// Attributes are the event's metadata as [Attributes] gives them.
	Attributes map[string]string
}

// Attributes returns the metadata as the event bus writes it: the fields "id",
// "type", "source", "time", "minorversion", "sourcehost" and "sourcelib".
func Attributes(m signalcast.Metadata) map[string]string {
	return map[string]string{
		"id":           m.ID.String(),
		"type":         m.EventType,
		"source":       m.Source,
		"time":         string(m.AppendTime(nil)),
		"minorversion": strconv.FormatInt(m.MinorVersion, 10),
		"sourcehost":   m.SourceHost,
		"sourcelib":    m.SourceLib,
	}
}

// Case checks one rule.
type Case struct {
	// Name names the case in the output of go test.
	Name string
	// Rule is the rule, in a sentence.
	Rule string

	run func(*trial)
}

// Run runs every case that applies, each as a subtest with a backend of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range Cases(h) {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, h) })
	}
}

// Cases returns the cases that apply to what the harness's destination can do,
// simple ones first.
func Cases(h Harness) []Case {
	return append(append(append(prepareCases(h), deliveryCases(h)...), bufferCases(h)...), closeCases()...)
}

// Run checks the rule on a backend that it makes and closes.
func (c Case) Run(t testing.TB, h Harness) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("rule %s: %s", c.Name, c.Rule)
		}
	})
	c.run(newTrial(t, h))
}
