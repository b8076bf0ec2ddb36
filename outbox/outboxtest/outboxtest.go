// Package outboxtest is the conformance suite for the stores of package outbox. It checks every rule of
// [outbox.Store], [outbox.Reader] and [signalcast.Outbox]. The test of a store provides a [Harness]:
//
//	func TestConformance(t *testing.T) {
//		outboxtest.Run(t, outboxtest.Harness{
//			New: func(t testing.TB) outboxtest.Database {
//				db := createDatabase(t)
//				store, second := mine.New(db.open()), mine.New(db.open())
//				return outboxtest.Database{Store: store, Second: second, InTx: store.InTx, Close: db.close}
//			},
//			NoTables: true, NoOverlap: true, NoSchemas: true,
//		})
//	}
//
// Each rule is a case with a new database. A case that fails prints its rule.
package outboxtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

// Harness connects the suite to one kind of store, and says what does not apply to it. Only New must be
// set.
type Harness struct {
	// New returns a new and empty database with tables. It must release what it starts with
	// t.Cleanup.
	New func(t testing.TB) Database

	// NoTables is true if the store works without Migrate. Otherwise Database.Empty must be set.
	NoTables bool
	// NoOverlap is true if a transaction cannot insert messages while another one has, and is not committed.
	// Otherwise Database.Overlap must be set.
	NoOverlap bool
	// NoSchemas is true if rows contain their schemas. Otherwise Database.RemoveSchemas must be set.
	NoSchemas bool
	// NoClose is true if the database cannot be closed. Otherwise Database.Close must be set.
	NoClose bool

	// Patience bounds each wait for a condition that must become true. 0 means 30 s.
	Patience time.Duration
}

// Database is one database under test.
type Database struct {
	// Store is a store of the database.
	Store outbox.Store
	// Second is another store of the same database, as another process has it. It may be Store if the
	// database has only one process.
	Second outbox.Store
	// InTx runs f in a transaction of Store, with the context of its unit. It commits if f returns nil.
	// Otherwise it rolls back and returns the error of f. With the context of another InTx, it
	// makes a savepoint. It is called concurrently.
	InTx func(ctx context.Context, f func(ctx context.Context) error) error

	// Overlap is InTx, except that it calls inserted between the insertion of the messages and COMMIT.
	Overlap func(ctx context.Context, f func(ctx context.Context) error, inserted func()) error
	// Empty returns two stores of a new database without tables.
	Empty func() (store, second outbox.Store)
	// RemoveSchemas deletes all stored schemas.
	RemoveSchemas func()
	// Close closes the database, so that Store cannot use it any more.
	Close func()
}

// Case checks one rule.
type Case struct {
	// Name is the name of the subtest.
	Name string
	// Rule is the rule in one sentence.
	Rule string

	run func(*trial)
}

// Run runs every case of Cases as a subtest with a database of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range Cases(h) {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, h) })
	}
}

// Cases returns the cases that apply to the store of the harness, simple ones first.
func Cases(h Harness) []Case {
	return slices.Concat(storeCases(), unitCases(), rowCases(h), fetchCases(h), laneCases(), waitCases(),
		leaseCases(), recordCases(), operateCases(), tableCases(h), concurrencyCases())
}

// Run checks the rule on a new database.
func (c Case) Run(t testing.TB, h Harness) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("rule %s: %s", c.Name, c.Rule)
		}
	})
	c.run(newTrial(t, h))
}
