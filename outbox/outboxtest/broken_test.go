package outboxtest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/outboxtest"
)

// harness makes correct stores, and breaks them with breakIt unless that is nil.
func harness(breakIt func(*subject)) outboxtest.Harness {
	if breakIt == nil {
		breakIt = func(*subject) {}
	}
	return outboxtest.Harness{New: func(testing.TB) outboxtest.Database {
		s := newSubject()
		breakIt(s)
		return outboxtest.Database{
			Store: s, Second: s, InTx: s.InTx, Overlap: s.Overlap,
			Empty: func() (store, second outbox.Store) {
				empty := newSubject()
				empty.migrated.Store(false)
				breakIt(empty)
				return empty, empty
			},
			RemoveSchemas: func() { s.schemasGone.Store(true) },
			Close:         func() { s.closed.Store(true) },
		}
	}}
}

func TestGoodStorePasses(t *testing.T) {
	t.Parallel()
	outboxtest.Run(t, harness(nil))
}

func TestBrokenStoreFailsItsCaseAndNoOther(t *testing.T) {
	t.Parallel()
	breakages := breakages()
	for _, c := range outboxtest.Cases(harness(nil)) {
		breakIt := breakages[c.Name]
		delete(breakages, c.Name)
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if breakIt == nil {
				t.Fatal("no store breaks this rule")
			}
			for _, other := range outboxtest.Cases(harness(nil)) {
				if other.Name == "unit-large" && c.Name != other.Name {
					continue // it stores as unit-committed does, in half of the time that all cases need
				}
				h := harness(breakIt)
				if other.Name == c.Name {
					h.Patience = time.Second
				}
				failed, log := check(t, other, h)
				// A race needs two goroutines at the same place, where they may not meet on a busy machine.
				for tries := 1; other.Name == c.Name && isRace[c.Name] && !failed && tries < 100; tries++ {
					failed, log = check(t, other, h)
				}
				if failed != (other.Name == c.Name) {
					t.Errorf("failed case %s: %t; it reported:\n%s", other.Name, failed, log)
				}
				if failed && !strings.Contains(log, "rule "+other.Name+": "+other.Rule) {
					t.Errorf("the rule of case %s is not in what it reported:\n%s", other.Name, log)
				}
			}
		})
	}
	for name := range breakages {
		t.Errorf("there is no case %s", name)
	}
}

func TestCasesThatDoNotApplyAreLeftOut(t *testing.T) {
	t.Parallel()
	names := func(h outboxtest.Harness) []string {
		var names []string
		for _, c := range outboxtest.Cases(h) {
			names = append(names, c.Name)
		}
		return names
	}
	few := names(outboxtest.Harness{NoTables: true, NoOverlap: true, NoSchemas: true, NoClose: true})
	left := slices.DeleteFunc(names(harness(nil)), func(name string) bool { return slices.Contains(few, name) })
	if want := []string{"row-schema-missing", "fetch-late", "prepare-no-tables", "migrate-race", "closed"}; !slices.Equal(left, want) {
		t.Fatalf("left out are %v; want %v", left, want)
	}
}

func TestIncompleteDatabaseIsRejected(t *testing.T) {
	t.Parallel()
	h := harness(nil)
	whole := h.New
	h.New = func(t testing.TB) outboxtest.Database {
		t.Helper()
		db := whole(t)
		db.Close = nil
		return db
	}
	for _, c := range outboxtest.Cases(h) {
		if failed, log := check(t, c, h); !failed || !strings.Contains(log, "must set every field") {
			t.Errorf("case %s failed: %t; it reported:\n%s", c.Name, failed, log)
		}
	}
}

// isRace has the cases that a broken store fails only if two goroutines meet.
var isRace = map[string]bool{"migrate-race": true, "lease-race": true, "many-goroutines": true}

// breakages returns for each case how to break a store so that it fails that one.
func breakages() map[string]func(*subject) {
	all := map[string]func(*subject){}
	for _, part := range []map[string]func(*subject){
		brokenStores(), brokenUnits(), brokenRows(), brokenFetches(), brokenLanes(), brokenWaits(),
		brokenLeases(), brokenRecords(), brokenOperations(), brokenTables(),
	} {
		maps.Copy(all, part)
	}
	return all
}
