package soak_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/soak"
)

func TestTrends(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		goroutines func(i int) int64
		flat       bool
	}{
		"steady":             {func(int) int64 { return 100 }, true},
		"shrinks":            {func(i int) int64 { return int64(1000 - i) }, true},
		"varies":             {func(i int) int64 { return int64(100 + i%40) }, true},
		"peaks at the start": {func(i int) int64 { return int64(100 + 10_000/(i+1)) }, true},
		"a short peak late":  {func(i int) int64 { return int64(100 + 1000*(i/380)) }, true},
		"leaks":              {func(i int) int64 { return int64(100 + i/10) }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			samples := make([]soak.Sample, 400)
			for i := range samples {
				samples[i].Goroutines = test.goroutines(i)
			}
			trends := soak.Trends(samples)
			require.Equal(t, "goroutines", trends[1].Name)
			require.Equal(t, test.flat, trends[1].Flat(), "%+v", trends[1])
		})
	}
}
