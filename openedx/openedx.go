// Package openedx is the catalogue of the Open edX event bus: its event types
// as typed signals, in one package per subdomain, and what the platform does
// with them.
//
//	r := signalcast.NewRegistry(signalcast.WithSource(openedx.Source("lms")))
//	err := r.Register(openedx.Signals()...)
//	…
//	err = learning.CourseEnrollmentCreated.Send(ctx, r, learning.CourseEnrollmentEvent{
//		Enrollment: learning.CourseEnrollmentData{…},
//	})
//
// A signal has the name of the reference's variable in Go's spelling:
// COURSE_ENROLLMENT_CREATED is learning.CourseEnrollmentCreated, and
// XBLOCK_PUBLISHED is authoring.XBlockPublished. Records have the names of the
// reference's data classes. Package keys has the keys of courses, blocks and
// libraries.
//
// The catalogue is that of openedx-events 11.2.0.
package openedx

import "github.com/signalcast/signalcast"

//go:generate go run generate.go

// UnsupportedEvent is an event type that cannot be put on the wire, by the
// reference neither.
type UnsupportedEvent struct {
	EventType string
	// Reason says what in the event's data stands in the way.
	Reason string
}

// Source is how the given service names itself in the metadata of its events:
// Source("lms") is "openedx/lms/web". An empty service is SERVICE_NAME_UNSET,
// as in the reference.
func Source(service string) string {
	if service == "" {
		service = "SERVICE_NAME_UNSET"
	}
	return "openedx/" + service + "/web"
}

// disabled is a topic that nothing is sent to until a merge enables it.
func disabled(keyField string) signalcast.TopicConfig {
	return signalcast.TopicConfig{EventKeyField: &keyField, Enabled: new(false)}
}
