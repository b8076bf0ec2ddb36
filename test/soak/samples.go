package soak

import (
	"slices"
	"time"
)

// Sample is what the steady service uses at one moment.
type Sample struct {
	// At is the time since the start.
	At time.Duration
	// Heap is the live heap and RSS the resident memory, both in bytes.
	Heap, RSS int64
	// Goroutines and Files are their numbers.
	Goroutines, Files int64
	// Handled is the number of events that all services have handled so far.
	Handled int64
}

// Trend compares the median of the second quarter of a run with that of the last quarter.
type Trend struct {
	Name         string
	Second, Last int64
	// Limit is the largest Last that counts as flat.
	Limit int64
}

// Flat reports whether the value did not grow.
func (t Trend) Flat() bool { return t.Last <= t.Limit }

// Trends returns the trends of the values that must be flat.
func Trends(samples []Sample) []Trend {
	trend := func(name string, share float64, margin int64, value func(Sample) int64) Trend {
		second := median(samples[len(samples)/4:len(samples)/2], value)
		last := median(samples[3*len(samples)/4:], value)
		return Trend{name, second, last, second + int64(float64(second)*share) + margin}
	}
	return []Trend{
		trend("live heap", 0.1, 1<<20, func(s Sample) int64 { return s.Heap }),
		trend("goroutines", 0.05, 5, func(s Sample) int64 { return s.Goroutines }),
		trend("open files", 0.05, 5, func(s Sample) int64 { return s.Files }),
		trend("resident memory", 0.1, 8<<20, func(s Sample) int64 { return s.RSS }),
	}
}

func median(samples []Sample, value func(Sample) int64) int64 {
	values := make([]int64, len(samples))
	for i, s := range samples {
		values[i] = value(s)
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}
