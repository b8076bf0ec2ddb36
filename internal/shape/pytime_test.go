package shape_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

func TestAppendTimeWritesPythonsIsoformat(t *testing.T) {
	t.Parallel()
	kathmandu := time.FixedZone("", (5*60+45)*60)
	for want, at := range map[string]time.Time{
		"2026-01-02T03:04:05+00:00":        time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"2026-01-02T03:04:05.678901+00:00": time.Date(2026, 1, 2, 3, 4, 5, 678901999, time.UTC),
		"2026-01-02T03:04:05.500000+00:00": time.Date(2026, 1, 2, 3, 4, 5, 500000000, time.UTC),
		"2026-01-02T03:04:05.000001+00:00": time.Date(2026, 1, 2, 3, 4, 5, 1000, time.UTC),
		"2026-01-02T03:04:06+00:00":        time.Date(2026, 1, 2, 3, 4, 6, 999, time.UTC),
		"2026-01-02T03:04:05":              time.Date(2026, 1, 2, 3, 4, 5, 0, shape.Naive()),
		"2026-01-02T03:04:05.000100":       time.Date(2026, 1, 2, 3, 4, 5, 100000, shape.Naive()),
		"2026-01-02T03:04:05+05:45":        time.Date(2026, 1, 2, 3, 4, 5, 0, kathmandu),
		"2026-01-02T03:04:05-00:30":        time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", -1800)),
		"2026-01-02T03:04:05+01:02:03":     time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3723)),
		"2026-01-02T03:04:05-00:00:01":     time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", -1)),
		"2026-01-02T03:04:05+23:59:59":     time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 86399)),
		"2026-01-02T03:04:05.000002+00:00": time.Date(2026, 1, 2, 3, 4, 5, 2000, time.FixedZone("naive", 0)),
		"0001-01-01T00:00:01+00:00":        time.Time{}.Add(time.Second),
		"0001-01-01T00:00:00":              time.Date(1, 1, 1, 0, 0, 0, 0, shape.Naive()),
		"9999-12-31T23:59:59.999999+00:00": time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
		"1969-12-31T23:59:58.000001-01:02": time.Date(1969, 12, 31, 23, 59, 58, 1000, time.FixedZone("", -62*60)),
		"1970-01-01T00:00:01+01:00":        time.Date(1970, 1, 1, 0, 0, 1, 0, time.FixedZone("", 3600)),
		"0999-01-01T00:00:00-12:00":        time.Date(999, 1, 1, 0, 0, 0, 0, time.FixedZone("", -12*3600)),
	} {
		got, err := shape.AppendTime([]byte(">"), at)
		require.NoError(t, err)
		require.Equal(t, ">"+want, string(got))

		back, err := shape.ParseTime(want)
		require.NoError(t, err)
		require.True(t, back.Equal(at.Truncate(time.Microsecond)), "%v is %v", back, at)
	}
}

func TestAppendTimeReportsTimesOutOfRange(t *testing.T) {
	t.Parallel()
	for want, at := range map[string]time.Time{
		"found a year out of range; want a year from 1 to 9999":                        time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		"found a year out of range; want a year from 1":                                time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC),
		"found a year out of range; want":                                              time.Date(-1, 1, 1, 0, 0, 0, 0, shape.Naive()),
		"found the zero time; want a time":                                             {},
		"found a year out of range":                                                    time.Time{}.In(time.FixedZone("", -1)),
		"found a UTC offset of 24 hours or more; want an offset of less than 24 hours": time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 86400)),
		"found a UTC offset of 24 hours or more":                                       time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", -86400)),
	} {
		out, err := shape.AppendTime([]byte("kept"), at)
		require.ErrorContains(t, err, want)
		require.Equal(t, "kept", string(out))
	}
}

func TestParseTimeAcceptsIsoformatAndRFC3339(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-01-02T03:04:05Z":           time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"2026-01-02t03:04:05z":           time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"2026-01-02 03:04:05+00:00":      time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"2026-01-02T03:04:05-00:00":      time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"2026-01-02T03:04:05.5Z":         time.Date(2026, 1, 2, 3, 4, 5, 500000000, time.UTC),
		"2026-01-02T03:04:05,25Z":        time.Date(2026, 1, 2, 3, 4, 5, 250000000, time.UTC),
		"2026-01-02T03:04:05.123456789Z": time.Date(2026, 1, 2, 3, 4, 5, 123456000, time.UTC),
		"2026-01-02T03:04:05":            time.Date(2026, 1, 2, 3, 4, 5, 0, shape.Naive()),
		"2024-02-29T00:00:00":            time.Date(2024, 2, 29, 0, 0, 0, 0, shape.Naive()),
		"2026-01-02T03:04:05+05:45":      time.Date(2026, 1, 1, 21, 19, 5, 0, time.UTC).In(time.FixedZone("", 20700)),
		"2026-01-02T03:04:05-23:59:59":   time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", -86399)),
	} {
		got, err := shape.ParseTime(text)
		require.NoError(t, err, text)
		require.True(t, got.Equal(want), "%s is %v", text, got)
		_, gotOffset := got.Zone()
		_, wantOffset := want.Zone()
		require.Equal(t, wantOffset, gotOffset, text)
		if wantOffset == 0 {
			require.Same(t, want.Location(), got.Location(), "%s: a naive time is not in UTC", text)
		}
	}
}

func TestParseTimeRejectsOtherForms(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "2026", "2026-01-02", "2026-01-02T03:04", "20260102T030405", "2026-01-02T03:04:05.", "2026-01-02T03:04:05.Z",
		"2026-01-02T03:04:05.1234567890", "2026-01-02T24:00:00", "2026-01-02T03:60:00", "2026-01-02T03:04:60",
		"2026-13-01T00:00:00", "2026-00-01T00:00:00", "2026-01-00T00:00:00", "2026-01-32T00:00:00", "2026-02-29T00:00:00",
		"0000-01-01T00:00:00", "10000-01-01T00:00:00", "-001-01-01T00:00:00", "2026-01-02T03:04:05+24:00",
		"2026-01-02T03:04:05+01:60", "2026-01-02T03:04:05+01:00:60", "2026-01-02T03:04:05+01", "2026-01-02T03:04:05+0100",
		"2026-01-02T03:04:05Z ", " 2026-01-02T03:04:05", "2026-01-02T03:04:05ZZ", "2026/01/02T03:04:05", "٢٠٢٦-01-02T03:04:05",
		"2026-01-02_03:04:05", "2026-01-02T03.04.05", "2026-1-2T3:4:5",
		"2026-02-29T00:00:00+00:00", "2026-04-31T00:00:00+00:00", "2026-13-01T00:00:00+00:00", "2026-01-00T00:00:00+00:00",
		"2026-01-02T24:00:00+00:00", "2026-01-02T03:60:00+00:00", "2026-01-02T03:04:60+00:00", "2026-01-02T03:04:05.00000x+00:00",
		"2026-01-02T03:04:05.x00000+00:00", "2x26-01-02T03:04:05+00:00", "202/-01-02T03:04:05+00:00", "2026-01-02T03:04:05.1234567+00:0",
		"0000-01-01T00:00:00+00:00", "0001-01-01T00:00:00+00:00", "2026-01-02T03:04:05_123456+00:00", "2026-01-02T03:04:05x00:00",
	} {
		_, err := shape.ParseTime(text)
		require.Error(t, err, text)
		if text != "" {
			require.NotContains(t, err.Error(), text)
		}
	}
}

// The calendar repeats itself after 400 years.
func TestParseTimeAgreesWithPackageTimeOnEveryDay(t *testing.T) {
	t.Parallel()
	for _, year := range []int{1, 1800, 9600} {
		last := time.Date(year+399, 12, 31, 23, 59, 59, 999_999_000, time.UTC)
		for at := time.Date(year, 1, 1, 23, 59, 58, 123_456_000, time.UTC); !at.After(last); at = at.AddDate(0, 0, 1) {
			got, err := shape.ParseTime(at.Format("2006-01-02T15:04:05.000000+00:00"))
			if err != nil || got != at { // require.Equal would take a minute
				require.NoError(t, err)
				require.Equal(t, at, got)
			}
		}
	}
}

func FuzzTime(f *testing.F) {
	for _, text := range []string{
		"2026-01-02T03:04:05.678901+00:00", "2026-01-02T03:04:05", "0001-01-01T00:00:00+05:45", "0001-01-01T00:00:00+00:00", "9999-12-31 23:59:59.9Z",
		"2026-01-02T03:04:05-23:59:59",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := shape.ParseTime(text)
		if err != nil {
			return
		}
		written, err := shape.AppendTime(nil, parsed)
		require.NoError(t, err)
		again, err := shape.ParseTime(string(written))
		require.NoError(t, err)
		require.True(t, again.Equal(parsed))
		rewritten, err := shape.AppendTime(nil, again)
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	})
}
