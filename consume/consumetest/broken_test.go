package consumetest_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/consumetest"
	source "github.com/signalcast/signalcast/consume/memory"
	"github.com/signalcast/signalcast/test/recorder"
)

func TestGoodSourcesPass(t *testing.T) {
	t.Parallel()
	for name, ordered := range map[string]bool{"ordered": true, "single": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range consumetest.Cases(newBroker().target()) {
				t.Run(c.Name, func(t *testing.T) {
					b := newBroker()
					b.ordered = ordered
					c.Run(t, b.target())
				})
			}
		})
	}
}

func TestMemorySourcePasses(t *testing.T) {
	t.Parallel()
	backend := memory.New()
	var mu sync.Mutex
	groups := map[string]*source.Source{}
	consumetest.Run(t, consumetest.Target{
		New: func(_ testing.TB, m consumetest.Member) consume.Source {
			mu.Lock()
			defer mu.Unlock()
			if groups[m.Group] == nil {
				groups[m.Group] = source.NewSource(backend, m.Group, m.Topics...)
			}
			return groups[m.Group]
		},
		Backend:  func(testing.TB) signalcast.Backend { return open{backend} },
		NoFields: true, NoStart: true, NoSharing: true,
	})
}

//nolint:paralleltest // the results of the subtests are needed
func TestCasesThatDoNotApplyAreSkipped(t *testing.T) {
	target := newBroker().target()
	target.Alone, target.Kill = "the topic is a file", nil
	skipped := map[string]bool{}
	for _, c := range consumetest.Cases(target) {
		if c.Name == "together" || c.Name == "killed" {
			t.Run(c.Name, func(t *testing.T) {
				t.Cleanup(func() { skipped[c.Name] = t.Skipped() })
				c.Run(t, target)
			})
		}
	}
	if !skipped["together"] || !skipped["killed"] {
		t.Errorf("found %v; want both cases skipped", skipped)
	}
}

// breakages are faults that a case must find.
var breakages = map[string]faults{
	"once":                {twice: true},
	"order":               {reversed: true},
	"data":                {noVersion: true},
	"trace":               {noTrace: true},
	"positions":           {samePosition: true},
	"topics":              {firstTopic: true},
	"groups":              {oneGroup: true},
	"in-flight":           {noRoom: true},
	"start":               {noStart: true},
	"handled":             {neverAcknowledge: true},
	"not-handled":         {acknowledgeAtOnce: true},
	"not-handled-between": {acknowledgeHighest: true},
	"second-run":          {fromStart: true},
	"skipped":             {neverAcknowledge: true},
	"draining":            {readOn: true},
	"together":            {shared: true},
	"killed":              {forgets: true},
	"retry":               {reversed: true},
	"dead-letter":         {noKey: true},
	"dead-letter-fields":  {noFields: true},
	"dead-letter-fails":   {acknowledgeAtOnce: true},
	"ledger":              {twice: true},
	"stop":                {noClose: true},
	"stop-at-once":        {errAtOnce: true},
	"interrupt":           {noWorks: true},
	"interrupt-stop":      {hang: true},
}

func TestBrokenSourceFailsItsCase(t *testing.T) {
	t.Parallel()
	cases := consumetest.Cases(newBroker().target())
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			b := newBroker()
			b.faults = breakages[c.Name]
			if b.faults == (faults{}) {
				t.Fatal("no source breaks this rule")
			}
			target := b.target()
			target.Patience = time.Second
			failed, log := recorder.Run(t, func(tb testing.TB) { c.Run(tb, target) })
			if !failed || !strings.Contains(log, "rule "+c.Name+": "+c.Rule) {
				t.Errorf("failed: %t; it reported:\n%s", failed, log)
			}
		})
	}
	if len(breakages) != len(cases) {
		t.Errorf("found %d broken sources; want one for each of %d cases", len(breakages), len(cases))
	}
}

// open is a backend that outlives its dispatcher.
type open struct{ *memory.Backend }

func (open) Close(context.Context) error { return nil }
