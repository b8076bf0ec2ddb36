package signalcast_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/openedx/learning"
)

// FuzzKeyField checks that a configuration is valid exactly with the key paths
// that the registry lists, and that a rejection names the path in bounded space.
func FuzzKeyField(f *testing.F) {
	r := signalcast.NewRegistry()
	require.NoError(f, r.Register(openedx.Signals()...))
	signal := learning.CourseEnrollmentCreated.EventType()
	known := r.KeyPaths(signal)
	for _, path := range known {
		f.Add(path)
	}
	for _, path := range []string{
		"", ".", "..", "enrollment", "enrollment.", ".enrollment", "enrollment..user", "enrollment.created_by.id",
		"enrollment.course.start", "enrollment.user.id.x", "enrollment.user.ID", "enrollment.üser", "\xff", "\x00",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		config := signalcast.ProducerConfig{signal: {"t": {EventKeyField: &path, Enabled: new(false)}}}
		err := config.Validate(r)
		require.Equal(t, slices.Contains(known, path), err == nil, "%v", err)
		if err != nil {
			require.Less(t, len(err.Error()), 2000)
		}
	})
}
