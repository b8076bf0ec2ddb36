//go:build integration

package main

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var rounds = flag.Int("rounds", 1, "how often the service is killed at each moment")

// batch is the number of enrolments that are under way when the service is killed.
const batch = 25

//nolint:paralleltest // the services share a broker, which is paused
func TestNothingIsLostOrRepeatedIfTheServiceIsKilled(t *testing.T) {
	redis := startServer(t, "redis.sh", "REDIS_URL")
	t.Run("SQLite", func(t *testing.T) {
		newAttack(t, settings{dir: t.TempDir(), redis: redis}).run()
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		newAttack(t, settings{postgres: startServer(t, "postgres.sh", "POSTGRES"), redis: redis}).run()
	})
}

func (a *attack) run() {
	moments := map[string]func(){
		"after the commit, before publishing":           a.killBeforePublishing,
		"after publishing, before the rows are deleted": a.killBeforeDeleting,
		"while receivers work":                          a.killReceivers,
		"after receivers, before the acknowledgement":   a.killBeforeAcknowledging,
		"at any time": a.killAtAnyTime,
	}
	for range *rounds {
		for moment, kill := range moments { // in random order
			a.settle()
			kill()
			a.t.Logf("killed %s", moment)
		}
	}
	a.settle()
	a.stopService()
	a.compare()
}

func (a *attack) killBeforePublishing() {
	resume := a.pauseBus()
	a.enroll(batch)
	a.killService()
	require.Equal(a.t, a.created()-batch, a.published(), "nothing was published")
	resume()
}

func (a *attack) killBeforeDeleting() {
	resume := a.pauseBus()
	a.enroll(batch)
	unlock := a.lock("signalcast_outbox")
	resume()
	a.eventually(func() bool { return a.published() == a.created() })
	a.killService()
	require.Equal(a.t, batch, a.pending(), "every row is there")
	unlock()
}

func (a *attack) killReceivers() {
	unlock := a.blockReceivers()
	a.killService()
	require.Equal(a.t, a.created()-batch, a.handled(), "no receiver has committed")
	unlock()
}

func (a *attack) killBeforeAcknowledging() {
	unlock := a.blockReceivers()
	resume := a.pauseBus()
	unlock()
	a.eventually(func() bool { return a.handled() == a.created() })
	a.killService()
	resume()
	require.Equal(a.t, batch, a.unacknowledged(), "every message will be delivered again")
}

// blockReceivers waits until the messages of a batch are with receivers, which wait for a table.
func (a *attack) blockReceivers() (unlock func()) {
	resume := a.pauseBus()
	a.enroll(batch)
	unlock = a.lock("course_totals")
	resume()
	a.eventually(func() bool { return a.unacknowledged() == batch })
	return unlock
}

func (a *attack) killAtAnyTime() {
	time.AfterFunc(100*time.Millisecond+rand.N(900*time.Millisecond), func() { _ = a.service.Process.Kill() })
	for err := error(nil); err == nil; {
		err = a.enrollOne()
	}
	a.killService()
}

// compare compares the enrolments with the events and with the read model.
func (a *attack) compare() {
	rows, totals := a.rows(), map[string]int{}
	for row := range rows {
		totals[row.Course]++
	}
	for _, e := range a.accepted {
		require.Contains(a.t, rows, e, "a confirmed enrolment is lost")
	}
	entries, events := a.events()
	described := map[enrolled]int{}
	for _, e := range events {
		described[e]++
	}
	require.Equal(a.t, rows, described, "each enrolment has one event, and each event its enrolment")
	require.Equal(a.t, totals, a.totals(), "each event has one effect")
	require.Equal(a.t, len(rows), a.count(`select count(*) from signalcast_inbox`))
	require.GreaterOrEqual(a.t, entries-len(events), batch**rounds, "some events were published again")
	a.t.Logf("%d enrolments, %d events, %d messages published again, 0 events lost, 0 effects repeated", len(rows), len(events), entries-len(events))
}
