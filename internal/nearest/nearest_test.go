package nearest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/nearest"
)

func TestName(t *testing.T) {
	t.Parallel()
	fields := []string{"keyless", "event_key_field", "enabled"}
	for _, tc := range []struct {
		name, want string
		known      []string
		nearest    string
	}{
		{"two letters swapped", "enabeld", fields, "enabled"},
		{"a letter too few", "event_key_fild", fields, "event_key_field"},
		{"a letter too many", "keylesss", fields, "keyless"},
		{"another case", "ENABLED", fields, "enabled"},
		{"nothing similar", "partition", fields, ""},
		{"an empty name", "", fields, ""},
		{"nothing known", "enabled", nil, ""},
		{"of two equally near the first in byte order", "topic-c", []string{"topic-b", "topic-a"}, "topic-a"},
		{"the nearer one wins, wherever it stands", "user.pii.nam", []string{"user.pii.email", "user.pii.name"}, "user.pii.name"},
		{"a huge name costs nothing", strings.Repeat("x", 1<<20), fields, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.nearest, nearest.Name(tc.want, slices.Values(tc.known)))
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
