//go:build integration

package faults_test

import (
	"sync"
	"time"
)

// silence measures the longest time between two deliveries. It is safe for concurrent use.
type silence struct {
	mu      sync.Mutex
	last    time.Time // of a delivery, or zero
	longest time.Duration
}

// end records a delivery.
func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.last.IsZero() {
		s.longest = max(s.longest, now.Sub(s.last))
	}
	s.last = now
}

func (s *silence) atMost() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.longest
}
