// Package consumetest is the conformance suite for the sources of package consume. It checks the rules of [consume.Source] through
// a [consume.Consumer]. The test of a source provides a [Target]:
//
//	func TestConformance(t *testing.T) {
//		consumetest.Run(t, consumetest.Target{
//			New: func(t testing.TB, m consumetest.Member) consume.Source {
//				return mine.NewSource(broker, m.Group, m.Start, m.Topics...)
//			},
//			Backend: func(t testing.TB) signalcast.Backend { return mine.NewBackend(broker) },
//		})
//	}
//
// Each rule is a case with new topics and groups. A case that fails prints its rule.
package consumetest

import (
	"slices"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

// Target connects the suite to one kind of source, and says what does not apply to it. New and Backend must be set.
type Target struct {
	// New returns a new member of a group. It must release what it starts with t.Cleanup. Members of a group
	// may run at the same time.
	New func(t testing.TB, m Member) consume.Source
	// Backend returns a new backend that publishes to the broker which the sources read. The suite closes it.
	Backend func(t testing.TB) signalcast.Backend
	// CreateTopic creates a topic. Nil means that the broker creates topics when they are used.
	CreateTopic func(t testing.TB, topic string)
	// Interrupt cuts the connections of all sources and prevents new ones until restore is called. If it is nil,
	// the cases about lost connections do not apply.
	Interrupt func(t testing.TB) (restore func())
	// Kill ends the connections of a source for good, as the end of its process does. The source can then neither
	// acknowledge nor leave the group. If it is nil, the case about a killed member is skipped.
	Kill func(t testing.TB, source consume.Source)

	// Alone says why a group cannot have two members at the same time. The case about them is skipped with this reason. Empty
	// means that a group can.
	Alone string
	// NoFields is true if the broker keeps no fields besides the attributes, so that a dead letter has no reason.
	NoFields bool
	// NoKeys is true if messages have no key on the wire.
	NoKeys bool
	// NoStart is true if every group starts with the oldest message.
	NoStart bool
	// NoSharing is true if one member of a group reads a topic at a time, while the others stand by.
	NoSharing bool

	// Patience bounds each wait for a condition that must become true. 0 means 30 s.
	Patience time.Duration
}

// Member describes a member of a group.
type Member struct {
	// Group is the name of the group.
	Group string
	// Topics are the full names of the topics.
	Topics []string
	// Start is where the group starts if it does not exist. It is never the zero Start.
	Start consume.Start
}

// Case checks one rule.
type Case struct {
	// Name is the name of the subtest.
	Name string
	// Rule is the rule in one sentence.
	Rule string

	run func(*trial)
}

// Run runs every case of Cases as a subtest.
func Run(t *testing.T, target Target) {
	t.Helper()
	for _, c := range Cases(target) {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, target) })
	}
}

// Cases returns the cases that apply to the target, simple ones first.
func Cases(target Target) []Case {
	return slices.Concat(readCases(target), acknowledgeCases(), groupCases(), failureCases(), stopCases(target))
}

// Run checks the rule with new topics and groups.
func (c Case) Run(t testing.TB, target Target) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("rule %s: %s", c.Name, c.Rule)
		}
	})
	c.run(newTrial(t, target))
}
