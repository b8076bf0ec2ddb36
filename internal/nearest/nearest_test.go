package nearest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/nearest"
)

func TestNameReturnsTheMostSimilarKnownName(t *testing.T) {
	t.Parallel()
	fields := []string{"keyless", "event_key_field", "enabled"}
	for _, tc := range []struct {
		title, name string
		known       []string
		want        string
	}{
		{"two letters swapped", "enabeld", fields, "enabled"},
		{"a letter missing", "event_key_fild", fields, "event_key_field"},
		{"an extra letter", "keylesss", fields, "keyless"},
		{"another case", "ENABLED", fields, "enabled"},
		{"no similar name", "partition", fields, ""},
		{"an empty name", "", fields, ""},
		{"no known names", "enabled", nil, ""},
		{"the first in byte order of two equally near", "topic-c", []string{"topic-b", "topic-a"}, "topic-a"},
		{"the nearer one, whatever the order", "user.pii.nam", []string{"user.pii.email", "user.pii.name"}, "user.pii.name"},
		{"a name of one megabyte", strings.Repeat("x", 1<<20), fields, ""},
	} {
		t.Run(tc.title, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, nearest.Name(tc.name, slices.Values(tc.known)))
		})
	}
}

func BenchmarkName(b *testing.B) {
	b.ReportAllocs()
	known := make([]string, 1000)
	for i := range known {
		known[i] = "org.example.learning.course." + strings.Repeat(string(rune('a'+i%26)), i%17) + ".changed.v1"
	}
	for b.Loop() {
		nearest.Name("org.example.learning.course.enrolment.changed.v2", slices.Values(known))
	}
}
