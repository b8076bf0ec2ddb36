package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/learning"
	"github.com/signalcast/signalcast/signalcasttest"
)

// newEnrollments returns enrolments in SQLite, whose events go to a bus of the test. The mode of a topic is configuration, so
// these tests need no relay.
func newEnrollments(t *testing.T) (*enrollments, *signalcasttest.Bus) {
	t.Helper()
	db, err := openDatabase(t.Context(), settings{dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.close()) })
	now := map[string]signalcast.TopicConfig{enrollmentsTopic: {Mode: new(signalcast.ModeOnCommit)}}
	config := signalcast.MergeProducerConfigs(defaultConfig(), signalcast.ProducerConfig{
		learning.CourseEnrollmentCreated.EventType(): now,
		enrollmentCancelled.EventType():              now,
		seatsChanged.EventType():                     {seatsTopic: {Enabled: new(true)}},
	})
	bus := signalcasttest.New(t, config, signals()...)
	return &enrollments{db, bus.Registry}, bus
}

func TestEnrolmentPublishesItsEvents(t *testing.T) {
	t.Parallel()
	e, bus := newEnrollments(t)
	require.NoError(t, e.create(t.Context(), enrollment{demo, 7, "ada"}))
	bus.RequirePublished(t, enrollmentsTopic, demo)
	created := signalcasttest.RequireEvent(t, bus, learning.CourseEnrollmentCreated)
	require.Equal(t, "ada", created.Data.Enrollment.User.PII.Username)
	require.Equal(t, Seats{demo, 1}, signalcasttest.RequireEvent(t, bus, seatsChanged).Data)

	require.NoError(t, e.cancel(t.Context(), demo, 7))
	require.Equal(t, Cancellation{7, demo}, signalcasttest.RequireEvent(t, bus, enrollmentCancelled).Data)
}

func TestRolledBackTransactionPublishesNothing(t *testing.T) {
	t.Parallel()
	e, bus := newEnrollments(t)
	require.ErrorIs(t, e.cancel(t.Context(), demo, 7), errNotEnrolled)
	// The username cannot be encoded. Send finds it after the row was inserted.
	require.Error(t, e.create(t.Context(), enrollment{demo, 7, "\xff"}))
	bus.RequireNothingPublished(t)
	require.NoError(t, e.create(t.Context(), enrollment{demo, 7, "ada"}), "the row was rolled back")
	require.ErrorIs(t, e.create(t.Context(), enrollment{demo, 7, "ada"}), errEnrolled)
	require.Len(t, bus.Backend.Messages(), 2)
}

func TestRepeatedEventHasNoEffect(t *testing.T) {
	t.Parallel()
	e, bus := newEnrollments(t)
	require.NoError(t, e.create(t.Context(), enrollment{demo, 7, "ada"}))
	created := signalcasttest.RequireEvent(t, bus, learning.CourseEnrollmentCreated)

	receiving := signalcast.NewRegistry(signalcast.LocalOnly())
	require.NoError(t, receiving.Register(signals()...))
	totals := &readModel{e.db}
	require.NoError(t, totals.connect(receiving))
	for range 3 {
		require.NoError(t, learning.CourseEnrollmentCreated.Send(t.Context(), receiving, created.Data, signalcast.FromBus(created.Metadata)))
		n, err := totals.enrolled(t.Context(), demo)
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	}
}
