//go:build integration

package main

import (
	"database/sql"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/learning"
)

// created, pending, handled, published and unacknowledged count what an enrolment becomes: a row, a row of the outbox, an effect in
// the read model, an event in the stream, and a message that was delivered and not acknowledged.
func (a *attack) created() int { return a.count(`select count(*) from enrollments`) }
func (a *attack) pending() int { return a.count(`select count(*) from signalcast_outbox`) }
func (a *attack) handled() int {
	return a.count(`select coalesce(sum(enrolled), 0) from course_totals`)
}

func (a *attack) published() int {
	_, events := a.events()
	return len(events)
}

func (a *attack) unacknowledged() int {
	pending, err := a.bus.XPending(a.t.Context(), enrollmentsTopic, group).Result()
	if err != nil { // there is no group yet
		return 0
	}
	return int(pending.Count)
}

func (a *attack) count(query string) (n int) {
	require.NoError(a.t, a.db.QueryRowContext(a.t.Context(), query).Scan(&n))
	return n
}

// rows returns the enrolments of the database.
func (a *attack) rows() map[enrolled]int {
	return collect(a, `select course, user_id from enrollments`, func(all map[enrolled]int, rows *sql.Rows) error {
		var e enrolled
		err := rows.Scan(&e.Course, &e.User)
		all[e]++
		return err
	})
}

// totals returns the enrolments of each course in the read model.
func (a *attack) totals() map[string]int {
	return collect(a, `select course, enrolled from course_totals`, func(all map[string]int, rows *sql.Rows) error {
		var course string
		var n int
		err := rows.Scan(&course, &n)
		all[course] = n
		return err
	})
}

func collect[K comparable](a *attack, query string, add func(map[K]int, *sql.Rows) error) map[K]int {
	rows, err := a.db.QueryContext(a.t.Context(), query)
	require.NoError(a.t, err)
	defer func() { require.NoError(a.t, rows.Close()) }()
	all := map[K]int{}
	for rows.Next() {
		require.NoError(a.t, add(all, rows))
	}
	require.NoError(a.t, rows.Err())
	return all
}

// events returns the number of entries of the stream, and the enrolments that they describe, by the ID of the event.
func (a *attack) events() (entries int, events map[string]enrolled) {
	registry, events := signalcast.NewRegistry(), map[string]enrolled{}
	require.NoError(a.t, registry.Register(learning.CourseEnrollmentCreated))
	list, err := a.bus.XRange(a.t.Context(), enrollmentsTopic, "-", "+").Result()
	require.NoError(a.t, err)
	for _, entry := range list {
		received, err := registry.Decode(signalcast.Metadata{EventType: learning.CourseEnrollmentCreated.EventType()}, nil, []byte(entry.Values["event_data"].(string)))
		require.NoError(a.t, err)
		data := received.Data().(learning.CourseEnrollmentEvent).Enrollment
		events[entry.Values["id"].(string)] = enrolled{string(data.Course.CourseKey), data.User.ID}
	}
	return len(list), events
}
