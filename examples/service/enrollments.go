package main

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/keys"
	"github.com/signalcast/signalcast/openedx/learning"
)

var (
	errEnrolled    = errors.New("the user is enrolled in the course already")
	errNotEnrolled = errors.New("the user is not enrolled in the course")
)

// enrollment is a row of the table, and the body of a request.
type enrollment struct {
	Course   keys.CourseKey `json:"course"`
	UserID   int64          `json:"user_id"`
	Username string         `json:"username"`
}

// enrollments creates and cancels enrolments. It sends the event about a change in the transaction of the change.
type enrollments struct {
	db       *database
	registry *signalcast.Registry
}

func (s *enrollments) create(ctx context.Context, e enrollment) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		const insert = `insert into enrollments (course, user_id, username) values ($1, $2, $3) on conflict do nothing`
		if err := execOne(ctx, tx, errEnrolled, insert, e.Course, e.UserID, e.Username); err != nil {
			return err
		}
		err := learning.CourseEnrollmentCreated.Send(ctx, s.registry, learning.CourseEnrollmentEvent{Enrollment: learning.CourseEnrollmentData{
			User:         learning.UserData{ID: e.UserID, IsActive: true, PII: learning.UserPersonalData{Username: e.Username}},
			Course:       learning.CourseData{CourseKey: e.Course},
			Mode:         "audit",
			IsActive:     true,
			CreationDate: time.Now(),
		}})
		if err != nil {
			return err
		}
		return s.sendSeats(ctx, tx, e.Course)
	})
}

func (s *enrollments) cancel(ctx context.Context, course keys.CourseKey, userID int64) error {
	return s.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		const remove = `delete from enrollments where course = $1 and user_id = $2`
		if err := execOne(ctx, tx, errNotEnrolled, remove, course, userID); err != nil {
			return err
		}
		if err := enrollmentCancelled.Send(ctx, s.registry, Cancellation{UserID: userID, CourseKey: course}); err != nil {
			return err
		}
		return s.sendSeats(ctx, tx, course)
	})
}

// sendSeats sends the number of taken seats, for caches. The event is published after the commit. A lost one does no harm.
func (s *enrollments) sendSeats(ctx context.Context, tx *sql.Tx, course keys.CourseKey) error {
	var taken int64
	if err := tx.QueryRowContext(ctx, `select count(*) from enrollments where course = $1`, course).Scan(&taken); err != nil {
		return err
	}
	return seatsChanged.Send(ctx, s.registry, Seats{CourseKey: course, Taken: taken})
}

// execOne executes a statement that changes one row. It returns errNoRow if the statement changes no row.
func execOne(ctx context.Context, tx *sql.Tx, errNoRow error, query string, args ...any) error {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errNoRow
}
