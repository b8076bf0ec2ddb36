// Package backendtest is the conformance suite for backends. It checks every rule of
// [signalcast.Backend]. The test of a backend provides a [Harness]:
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
// Each rule is a case with a new backend. A case that fails prints its rule. [Bench] measures a
// backend with the same harness.
package backendtest

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
)

// Harness connects the suite to one kind of backend, and says what its broker cannot do. Only New
// must be set.
type Harness struct {
	// New returns a backend with a working broker. It must release what it starts with t.Cleanup.
	// The suite closes the backend. The topics of the suite have names that were never used
	// before, so backends may share a broker.
	New func(t testing.TB, limits Limits) Subject

	// NoKeys is true if the broker does not store keys.
	NoKeys bool
	// NoAttributes is true if the broker does not store the metadata of events.
	NoAttributes bool
	// NoOrder is true if the broker does not keep the order of messages with equal keys.
	NoOrder bool
	// NoFailFast is true if the backend cannot be configured to fail fast.
	NoFailFast bool
	// MaxMessageBytes is the largest size of key and value together, if the broker has a limit
	// below 2 MiB. 0 means no such limit.
	MaxMessageBytes int
	// RejectedTopics are names of topics that Prepare must reject. It may be empty.
	RejectedTopics []string

	// Patience bounds each wait for a condition that must become true. 0 means 30 s.
	Patience time.Duration
}

// Limits are the bounds of the buffer of a backend. Zero means the default of the backend, which
// must have room for 2,000 small messages.
type Limits struct {
	// Messages is the largest number of accepted messages without an outcome.
	Messages int
	// Bytes is the largest size of their keys and values together. A backend may count more
	// than keys and values, and then has less room.
	Bytes int
	// FailFast makes Publish return ErrBufferFull instead of waiting for room.
	FailFast bool
}

// Subject is one backend under test, with its broker. All fields must be set. The suite calls the
// functions from the goroutine of the test, so they may call t.Fatal.
type Subject struct {
	Backend signalcast.Backend
	// Read returns the records of a topic. Those of a partition are in the order of writing. The
	// suite calls Read while the broker works, also after it closed the backend.
	Read func(topic string) []Record
	// Stop makes the broker unavailable: it acknowledges nothing. The backend must retry messages
	// for longer than Harness.Patience.
	Stop func()
	// Start makes the broker available again, with all its records. The suite calls Start only
	// after Stop.
	Start func()
}

// Record is one message as the broker stored it, without the framing of the backend.
type Record struct {
	// Key is nil for a message without a key, and not nil for an empty one.
	Key   []byte
	Value []byte
	// Attributes is the metadata of the event, in the form of [Attributes].
	Attributes map[string]string
}

// Attributes returns the metadata as the event bus writes it, under "id", "type", "source", "time",
// "minorversion", "sourcehost" and "sourcelib".
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
	// Name is the name of the subtest.
	Name string
	// Rule is the rule in one sentence.
	Rule string

	run func(*trial)
}

// Run runs every case of Cases as a subtest with a backend of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range Cases(h) {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, h) })
	}
}

// Cases returns the cases that apply to the broker of the harness, simple ones first.
func Cases(h Harness) []Case {
	return slices.Concat(prepareCases(h), deliveryCases(h), bufferCases(h), healthCases(), closeCases())
}

// Run checks the rule on a new backend and closes it.
func (c Case) Run(t testing.TB, h Harness) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("rule %s: %s", c.Name, c.Rule)
		}
	})
	c.run(newTrial(t, h))
}
