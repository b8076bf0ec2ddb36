package backendtest_test

import (
	"testing"

	"github.com/signalcast/signalcast"
)

func brokenHealth() map[string]func(*subject, *testing.T) {
	return map[string]func(*subject, *testing.T){
		"buffered": func(s *subject, _ *testing.T) {
			s.buffered = func() signalcast.BufferUsage { return signalcast.BufferUsage{} }
		},
		"troubles": func(s *subject, _ *testing.T) {
			s.troubles = func() []signalcast.Trouble { return nil }
		},
	}
}
