// Package openedx is the catalogue of the Open edX event bus: its event types
// as typed signals, one package per subdomain, and the topics of the platform.
//
//	r := signalcast.NewRegistry(signalcast.WithSource(openedx.Source("lms")))
//	err := r.Register(openedx.Signals()...)
//	…
//	err = learning.CourseEnrollmentCreated.Send(ctx, r, learning.CourseEnrollmentEvent{
//		Enrollment: learning.CourseEnrollmentData{…},
//	})
//
// The reference is the Python implementation of the event bus. The catalogue is
// that of its package openedx-events 11.2.0.
//
// A signal has the name of the variable in the reference, in Go spelling:
// COURSE_ENROLLMENT_CREATED is learning.CourseEnrollmentCreated, and
// XBLOCK_PUBLISHED is authoring.XBlockPublished. A record has the name of the
// data class in the reference. Package keys has the keys of courses, blocks and
// libraries.
package openedx

import "github.com/signalcast/signalcast"

//go:generate go run generate.go

// UnsupportedEvent is an event type that neither this library nor the reference
// can send.
type UnsupportedEvent struct {
	EventType string
	// Reason names the part of the event data that cannot be encoded.
	Reason string
}

// Source returns the source that a service sets in the metadata of its events:
// Source("lms") returns "openedx/lms/web". An empty service is replaced by
// SERVICE_NAME_UNSET, as in the reference.
func Source(service string) string {
	if service == "" {
		service = "SERVICE_NAME_UNSET"
	}
	return "openedx/" + service + "/web"
}

// disabled returns the settings of a disabled topic.
func disabled(keyField string) signalcast.TopicConfig {
	return signalcast.TopicConfig{EventKeyField: &keyField, Enabled: new(false)}
}
