package main

import (
	"context"
	"database/sql"
	"errors"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/inbox"
	"github.com/signalcast/signalcast/openedx/keys"
	"github.com/signalcast/signalcast/openedx/learning"
)

// receivers is the number of receivers that run at the same time, at most. Each uses a connection to the database.
const receivers = 8

// readModel counts the enrolments of each course from the events of the bus. The bus delivers an event at least once; the
// inbox makes a repeated one have no effect.
type readModel struct{ db *database }

// connect connects the receivers to r. r must not be the registry that the service sends with, or Send would call the receivers too.
func (m *readModel) connect(r *signalcast.Registry) error {
	_, created := learning.CourseEnrollmentCreated.Connect(r, func(ctx context.Context, e signalcast.Event[learning.CourseEnrollmentEvent]) error {
		return m.add(ctx, e.ID, e.Data.Enrollment.Course.CourseKey, 1)
	})
	_, cancelled := enrollmentCancelled.Connect(r, func(ctx context.Context, e signalcast.Event[Cancellation]) error {
		return m.add(ctx, e.ID, e.Data.CourseKey, -1)
	})
	return errors.Join(created, cancelled)
}

func (m *readModel) add(ctx context.Context, event signalcast.UUID, course keys.CourseKey, n int64) error {
	return m.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		first, err := inbox.First(ctx, tx, group, event)
		if err != nil || !first {
			return err
		}
		_, err = tx.ExecContext(ctx, `insert into course_totals (course, enrolled) values ($1, $2)
			on conflict (course) do update set enrolled = course_totals.enrolled + excluded.enrolled`, course, n)
		return err
	})
}

func (m *readModel) enrolled(ctx context.Context, course keys.CourseKey) (n int64, err error) {
	err = m.db.QueryRowContext(ctx, `select enrolled from course_totals where course = $1`, course).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}
