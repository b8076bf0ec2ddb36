package keys_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/openedx/keys"
)

// kinds maps the files of testdata to the Validate methods they test.
func kinds() map[string]func(string) error {
	return map[string]func(string) error{
		"course_key":                 func(s string) error { return keys.CourseKey(s).Validate() },
		"ccx_locator":                func(s string) error { return keys.CCXLocator(s).Validate() },
		"usage_key":                  func(s string) error { return keys.UsageKey(s).Validate() },
		"library_locator":            func(s string) error { return keys.LibraryLocator(s).Validate() },
		"library_usage_locator":      func(s string) error { return keys.LibraryUsageLocator(s).Validate() },
		"library_collection_locator": func(s string) error { return keys.LibraryCollectionLocator(s).Validate() },
		"library_container_locator":  func(s string) error { return keys.LibraryContainerLocator(s).Validate() },
	}
}

type verdicts struct {
	Accepted, Rejected []string
}

func readVerdicts(tb testing.TB, kind string) verdicts {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", kind+".json"))
	require.NoError(tb, err)
	var v verdicts
	require.NoError(tb, json.Unmarshal(text, &v))
	require.Greater(tb, len(v.Accepted), 100)
	require.Greater(tb, len(v.Rejected), 100)
	return v
}

func TestValidateAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	for kind, validate := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			v := readVerdicts(t, kind)
			for _, s := range v.Accepted {
				require.NoError(t, validate(s), "%q", s)
			}
			for _, s := range v.Rejected {
				require.Error(t, validate(s), "%q", s)
			}
		})
	}
}

func TestValidateRejectsKeysThatNoEventCarries(t *testing.T) {
	t.Parallel()
	require.Error(t, keys.LibraryLocator("lib:edX:lib\n").Validate())
	require.Error(t, keys.UsageKey("aside-usage-v2:block-v1$:a+b+c+type@html+block@x::notes").Validate())
}

func TestValidateRejectsInvalidUTF8(t *testing.T) {
	t.Parallel()
	for kind, validate := range kinds() {
		require.Error(t, validate(readVerdicts(t, kind).Accepted[0]+"\xff"), kind)
	}
}

func TestErrorShowsValidFormsButNotTheKey(t *testing.T) {
	t.Parallel()
	for kind, validate := range kinds() {
		err := validate("secret value")
		var malformed *keys.Error
		require.ErrorAs(t, err, &malformed, kind)
		require.False(t, malformed.Empty)
		require.ErrorContains(t, err, "malformed "+malformed.Kind+"; want "+malformed.Want)
		require.NotContains(t, err.Error(), "secret")

		require.ErrorAs(t, validate(""), &malformed, kind)
		require.True(t, malformed.Empty)
		require.ErrorContains(t, validate(""), "empty "+malformed.Kind)
	}
}

func TestValidateDoesNotAllocate(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts what other goroutines allocate
	for kind, validate := range kinds() {
		accepted := readVerdicts(t, kind).Accepted
		require.Zero(t, testing.AllocsPerRun(5, func() {
			for _, s := range accepted {
				_ = validate(s)
			}
		}), kind)
	}
}

func FuzzValidate(f *testing.F) {
	for kind := range kinds() {
		for _, s := range readVerdicts(f, kind).Accepted {
			f.Add(s)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		for kind, validate := range kinds() {
			if validate(s) != nil {
				continue
			}
			require.NotEmpty(t, s, kind)
			require.True(t, strings.ContainsAny(s, ":/"), "%s %q", kind, s)
		}
		if keys.CCXLocator(s).Validate() == nil {
			require.NoError(t, keys.CourseKey(s).Validate(), "a custom course is a course: %q", s)
		}
		if keys.LibraryUsageLocator(s).Validate() == nil {
			require.NoError(t, keys.UsageKey(s).Validate(), "a library block is a block: %q", s)
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	for name, key := range map[string]interface{ Validate() error }{
		"course":         keys.CourseKey("course-v1:edX+DemoX+2024_T1"),
		"old_course":     keys.CourseKey("edX/DemoX/2012_Fall"),
		"usage":          keys.UsageKey("block-v1:edX+DemoX+2024_T1+type@problem+block@a1b2c3d4e5f60718293a4b5c6d7e8f90"),
		"non_ascii":      keys.CourseKey("course-v1:Zürich+数学101+été_2025"),
		"custom_course":  keys.CCXLocator("ccx-v1:edX+DemoX+2024_T1+ccx@42"),
		"library_block":  keys.LibraryUsageLocator("lb:edX:lib-1:problem:p-1"),
		"library_object": keys.LibraryContainerLocator("lct:edX:lib-1:unit:u-1"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := key.Validate(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
