package shape_test

import (
	"errors"
	"time"
)

// CourseKey is a named string with a Validate method, as the keys of the platform are.
type CourseKey string

var errEmptyKey = errors.New("found an empty key")

func (k CourseKey) Validate() error {
	if k == "" {
		return errEmptyKey
	}
	return nil
}

type CourseEnrollmentCreated struct {
	Enrollment CourseEnrollmentData `avro:"enrollment"`
}

type CourseEnrollmentData struct {
	User         UserData   `avro:"user"`
	Course       CourseData `avro:"course"`
	Mode         string     `avro:"mode"`
	IsActive     bool       `avro:"is_active"`
	CreationDate time.Time  `avro:"creation_date"`
	CreatedBy    *UserData  `avro:"created_by"`
}

type UserData struct {
	ID       int64 `avro:"id"`
	IsActive bool  `avro:"is_active"`
	PII      struct {
		_        struct{} `avro:"UserPersonalData"`
		Username string   `avro:"username"`
		Email    string   `avro:"email"`
		Name     string   `avro:"name"`
	} `avro:"pii"`
}

type CourseData struct {
	CourseKey   CourseKey  `avro:"course_key"`
	DisplayName string     `avro:"display_name"`
	Start       *time.Time `avro:"start"`
	End         *time.Time `avro:"end"`
}

type ThreadCreated struct {
	Thread DiscussionThreadData `avro:"thread"`
}

type DiscussionThreadData struct {
	Body             string             `avro:"body"`
	CommentableID    string             `avro:"commentable_id"`
	ID               string             `avro:"id"`
	Truncated        bool               `avro:"truncated"`
	URL              string             `avro:"url"`
	User             UserData           `avro:"user"`
	CourseID         CourseKey          `avro:"course_id"`
	ThreadType       *string            `avro:"thread_type"`
	Anonymous        *bool              `avro:"anonymous"`
	AnonymousToPeers *bool              `avro:"anonymous_to_peers"`
	Title            *string            `avro:"title"`
	TitleTruncated   *bool              `avro:"title_truncated"`
	GroupID          *int64             `avro:"group_id"`
	TeamID           *int               `avro:"team_id"`
	CategoryID       *int64             `avro:"category_id"`
	CategoryName     *string            `avro:"category_name"`
	Discussion       *map[string]string `avro:"discussion"`
	UserCourseRoles  []string           `avro:"user_course_roles"`
	UserForumsRoles  []string           `avro:"user_forums_roles"`
	Options          map[string]bool    `avro:"options"`
}

type ORASubmissionCreated struct {
	Submission ORASubmissionData `avro:"submission"`
}

type ORASubmissionData struct {
	UUID            string              `avro:"uuid"`
	AnonymousUserID string              `avro:"anonymous_user_id"`
	Location        string              `avro:"location"`
	AttemptNumber   int                 `avro:"attempt_number"`
	CreatedAt       time.Time           `avro:"created_at"`
	SubmittedAt     time.Time           `avro:"submitted_at"`
	Answer          ORASubmissionAnswer `avro:"answer"`
}

type ORASubmissionAnswer struct {
	Parts            []map[string]string `avro:"parts"`
	FileKeys         []string            `avro:"file_keys"`
	FileDescriptions []string            `avro:"file_descriptions"`
	FileNames        []string            `avro:"file_names"`
	FileSizes        []int               `avro:"file_sizes"`
	FileURLs         []string            `avro:"file_urls"`
}

type CourseNotificationRequested struct {
	Notification CourseNotificationData `avro:"course_notification_data"`
}

type CourseNotificationData struct {
	CourseKey        CourseKey           `json:"course_key"`
	AppName          string              `json:"app_name"`
	NotificationType string              `json:"notification_type"`
	ContentURL       string              `json:"content_url"`
	ContentContext   map[string]string   `json:"content_context"`
	AudienceFilters  map[string][]string `json:"audience_filters"`
}

type TrackingEventEmitted struct {
	TrackingLog TrackingLogData `avro:"tracking_log"`
}

type TrackingLogData struct {
	Name      string    `avro:"name"`
	Timestamp time.Time `avro:"timestamp"`
	Data      string    `avro:"data"`
	Context   string    `avro:"context"`
}
