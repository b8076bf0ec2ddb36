package signalcast_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// Event types of the configurations in these tests; the first two are named in
// the golden cases.
const (
	registrationCompleted = "org.openedx.learning.student.registration.completed.v1"
	sessionLogin          = "org.openedx.learning.auth.session.login.completed.v1"
	courseChanged         = "org.example.course.changed.v1"
)

type configuredUser struct {
	User struct {
		_   struct{} `avro:"UserData"`
		ID  int64    `avro:"id"`
		PII struct {
			_        struct{} `avro:"UserPersonalData"`
			Username string   `avro:"username"`
			Email    string   `avro:"email"`
		} `avro:"pii"`
	} `avro:"user"`
}

type configuredCourse struct {
	CourseKey string   `avro:"course_key"`
	Name      *string  `avro:"name"`
	Tags      []string `avro:"tags"`
}

func configRegistry(t testing.TB) *signalcast.Registry {
	t.Helper()
	r := signalcast.NewRegistry()
	require.NoError(t, r.Register(
		signalcast.NewSignal[configuredUser](registrationCompleted),
		signalcast.NewSignal[configuredUser](sessionLogin),
		signalcast.NewSignal[configuredCourse](courseChanged),
	))
	return r
}

func mustParse(t testing.TB, text string) signalcast.ProducerConfig {
	t.Helper()
	c, err := signalcast.ParseProducerConfig([]byte(text))
	require.NoError(t, err)
	return c
}

// goldenCases reads a list of cases that the reference was run on.
func goldenCases[T any](t *testing.T, file string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "golden", file))
	require.NoError(t, err)
	var cases []T
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	return cases
}

// problemLines returns an error's problems as text, checking that it is a
// *ValidationError that says the same.
func problemLines(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var invalid *signalcast.ValidationError
	require.ErrorAs(t, err, &invalid)
	lines := make([]string, len(invalid.Problems))
	for i, p := range invalid.Problems {
		lines[i] = p.String()
		require.Contains(t, err.Error(), lines[i])
	}
	return lines
}
