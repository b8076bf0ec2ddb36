package main

import (
	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/keys"
	"github.com/signalcast/signalcast/openedx/learning"
)

// The topics, without the prefix.
const (
	enrollmentsTopic = "course-enrollments" // created and cancelled enrolments, in the order of each course
	seatsTopic       = "course-seats"
)

// Cancellation is the data of enrollmentCancelled.
type Cancellation struct {
	UserID    int64          `avro:"user_id"`
	CourseKey keys.CourseKey `avro:"course_key"`
}

var enrollmentCancelled = signalcast.NewSignal[Cancellation]("org.example.enrollment.cancelled.v1",
	signalcast.WithDoc("A user has left a course."))

// Seats is the data of seatsChanged.
type Seats struct {
	CourseKey keys.CourseKey `avro:"course_key"`
	Taken     int64          `avro:"taken"`
}

var seatsChanged = signalcast.NewSignal[Seats]("org.example.course.seats.changed.v1",
	signalcast.WithDoc("The number of taken seats of a course has changed. The next event corrects a lost one."))

// signals are the event types of the service: one of Open edX, and two of its own.
func signals() []signalcast.Definition {
	return []signalcast.Definition{learning.CourseEnrollmentCreated, enrollmentCancelled, seatsChanged}
}

// defaultConfig is the first layer of the configuration. service.yaml and the environment override it.
func defaultConfig() signalcast.ProducerConfig {
	return signalcast.ProducerConfig{
		learning.CourseEnrollmentCreated.EventType(): {
			enrollmentsTopic: {EventKeyField: new("enrollment.course.course_key"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)},
		},
		enrollmentCancelled.EventType(): {
			enrollmentsTopic: {EventKeyField: new("course_key"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)},
		},
		seatsChanged.EventType(): {
			seatsTopic: {EventKeyField: new("course_key"), Enabled: new(false), Mode: new(signalcast.ModeOnCommit)},
		},
	}
}
