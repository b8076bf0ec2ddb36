//go:build integration

package faults_test

import (
	"sync"
	"time"
)

// silence measures the longest time between two deliveries. It is safe for concurrent use.
type silence struct {
	mu        sync.Mutex
	last      time.Time // of a delivery, or zero
	longest   time.Duration
	healed    time.Time // when the fault ended, or zero
	recovered time.Duration
}

// end records a delivery.
func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.last.IsZero() {
		s.longest = max(s.longest, now.Sub(s.last))
	}
	if s.recovered == 0 && !s.healed.IsZero() {
		s.recovered = now.Sub(s.healed)
	}
	s.last = now
}

// heal records the end of the fault.
func (s *silence) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.healed = time.Now()
}

// afterFault returns the time from the end of the fault until the next delivery.
func (s *silence) afterFault() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recovered
}

func (s *silence) atMost() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.longest
}
