package main

import (
	"context"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/authoring"
	"github.com/signalcast/signalcast/openedx/learning"
)

// sendEvents sends five events. No layer enables a topic for the type of the last one.
func sendEvents(ctx context.Context, r *signalcast.Registry, report *report) error {
	const courseKey = "course-v1:edX+DemoX+2026"
	start := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	user := learning.UserData{ID: 7, IsActive: true, PII: learning.UserPersonalData{Username: "ada", Email: "ada@example.org", Name: "Ada"}}
	course := learning.CourseData{CourseKey: courseKey, DisplayName: "Demonstration", Start: &start}
	at := signalcast.WithTime(time.Date(2026, 9, 1, 9, 30, 0, 0, time.UTC)) // the output is the same each time

	sends := []struct {
		signal signalcast.Definition
		send   func() error
	}{
		{authoring.CourseCatalogInfoChanged, func() error {
			return authoring.CourseCatalogInfoChanged.Send(ctx, r, authoring.CourseCatalogEvent{
				CatalogInfo: authoring.CourseCatalogData{
					CourseKey: courseKey, Name: "Demonstration",
					ScheduleData: authoring.CourseScheduleData{Start: start, Pacing: "self"},
				},
			}, at)
		}},
		{authoring.XBlockPublished, func() error {
			return authoring.XBlockPublished.Send(ctx, r, authoring.XBlockEvent{
				XBlockInfo: authoring.XBlockData{
					UsageKey: "block-v1:edX+DemoX+2026+type@vertical+block@intro", BlockType: "vertical",
				},
			}, at)
		}},
		{learning.CourseEnrollmentCreated, func() error {
			return learning.CourseEnrollmentCreated.Send(ctx, r, learning.CourseEnrollmentEvent{
				Enrollment: learning.CourseEnrollmentData{
					User: user, Course: course, Mode: "audit", IsActive: true, CreationDate: start,
				},
			}, at)
		}},
		{learning.CertificateCreated, func() error {
			return learning.CertificateCreated.Send(ctx, r, learning.CertificateEvent{
				Certificate: learning.CertificateData{
					User: user, Course: course, Mode: "verified", Grade: "0.93", Name: "Ada", CurrentStatus: "downloadable",
				},
			}, at)
		}},
		{learning.CourseUnenrollmentCompleted, func() error {
			return learning.CourseUnenrollmentCompleted.Send(ctx, r, learning.CourseEnrollmentEvent{
				Enrollment: learning.CourseEnrollmentData{User: user, Course: course, Mode: "audit", CreationDate: start},
			}, at)
		}},
	}
	for _, s := range sends {
		report.sending(s.signal.EventType())
		if err := s.send(); err != nil {
			return err
		}
	}
	return nil
}
