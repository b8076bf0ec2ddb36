//go:build integration

package faults_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

// samples are the latencies of messages to healthy servers.
type samples struct {
	mu     sync.Mutex
	all    []sample
	failed int
}

type sample struct {
	due  time.Time
	took time.Duration
}

// latency is the distribution of latencies.
type latency struct {
	n        int
	p50, p99 time.Duration
}

func (l latency) String() string {
	if l.n == 0 {
		return "–"
	}
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("%.1f, %.1f ms", milliseconds(l.p50), milliseconds(l.p99))
}

// startBystander publishes the messages in turns, 200 a second, until stop is called. A latency counts from the time at
// which the message was due, so that a late Publish counts too. stop waits for all outcomes.
func startBystander(b signalcast.Backend, messages []*signalcast.Message) (stop func() *samples) {
	s := &samples{}
	if len(messages) == 0 {
		return func() *samples { return s }
	}
	const pause = 5 * time.Millisecond
	ending := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		began := time.Now()
		for i := 0; ; i++ {
			due := began.Add(time.Duration(i) * pause)
			select {
			case <-ending:
				return
			case <-time.After(time.Until(due)):
			}
			ended.Add(1)
			done := func(_ signalcast.Receipt, err error) {
				defer ended.Done()
				s.add(sample{due, time.Since(due)}, err)
			}
			if err := b.Publish(context.Background(), messages[i%len(messages)], done); err != nil {
				done(signalcast.Receipt{}, err)
			}
		}
	})
	return func() *samples {
		close(ending)
		ended.Wait()
		return s
	}
}

func (s *samples) add(one sample, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failed++
		return
	}
	s.all = append(s.all, one)
}

// between returns the latency of the messages that were due between two times. The first second is left out, for
// connecting.
func (s *samples) between(from, to time.Time) latency {
	s.mu.Lock()
	defer s.mu.Unlock()
	var took []time.Duration
	for _, one := range s.all {
		if one.due.Sub(s.all[0].due) > time.Second && !one.due.Before(from) && one.due.Before(to) {
			took = append(took, one.took)
		}
	}
	if len(took) == 0 {
		return latency{}
	}
	slices.Sort(took)
	return latency{len(took), took[len(took)/2], took[len(took)*99/100]}
}
