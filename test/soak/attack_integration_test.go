//go:build integration

package soak_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/faults"
	"github.com/signalcast/signalcast/test/programs"
	"github.com/signalcast/signalcast/test/soak"
)

// injection is a kind of fault.
type injection struct {
	name   string
	inject func() error
	// repeating reports whether the fault can make events come twice.
	repeating bool
	// service reports whether it concerns a service, not a server.
	service bool
	count   int
	repeats []func() int // the numbers of events that were handled again
	longest time.Duration
}

// result returns what the faults of the kind led to.
func (f *injection) result() soak.Fault {
	r := soak.Fault{Name: f.name, Count: f.count, Longest: f.longest}
	for _, n := range f.repeats {
		r.Repeats += n()
	}
	return r
}

func (s *run) ofService() []*injection {
	return []*injection{
		{name: "a service killed with -9, and started again", inject: s.replace, repeating: true, service: true},
		{name: "a service restarted", inject: s.restart, service: true},
		{name: "a service stopped with SIGSTOP, for up to 8 s", repeating: true, service: true, inject: func() error {
			return []*programs.Program{s.steady, s.killed}[rand.N(2)].Suspend(upTo(8 * time.Second))
		}},
	}
}

// replace kills a service. The counts of the one that is killed are kept.
func (s *run) replace() error {
	err := s.killed.Replace()
	s.keepCounters()
	return err
}

func (s *run) restart() error {
	err := s.killed.Restart()
	s.keepCounters()
	return err
}

func (s *run) keepCounters() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, n := range s.counters["b"] {
		s.add("before", i, n)
	}
	delete(s.counters, "b")
}

func (s *run) add(name string, i int, n int64) {
	if s.counters[name] == nil {
		s.counters[name] = make([]int64, 2)
	}
	s.counters[name][i] += n
}

func (s *run) ofServers(postgres, redis, kafka *programs.Server) []*injection {
	return []*injection{
		{name: "PostgreSQL killed with -9, and started again", inject: func() error { return kill(postgres, upTo(time.Second)) }, repeating: true},
		{name: "Redis killed with -9, and started again", inject: func() error { return kill(redis, upTo(5*time.Second)) }, repeating: true},
		{name: "Redis stopped with SIGSTOP, for up to 8 s", inject: func() error { return redis.Suspend(upTo(8 * time.Second)) }, repeating: true},
		{name: "Kafka killed with -9, and started again", inject: func() error { return kill(kafka, upTo(5*time.Second)) }, repeating: true},
		{name: "Kafka stopped with SIGSTOP, for up to 8 s", inject: func() error { return kafka.Suspend(upTo(8 * time.Second)) }, repeating: true},
	}
}

// kill kills a server with SIGKILL and starts it again. On a machine with much other work, it may not start in time at once.
func kill(server *programs.Server, down time.Duration) (err error) {
	for range 3 {
		if err = server.Kill(down); err == nil {
			return nil
		}
	}
	return err
}

func ofProxy(server string, p *faults.Proxy) []*injection {
	during := func(f faults.Fault, atMost time.Duration) func() error {
		return func() error {
			p.Set(f)
			programs.Pause(context.Background(), upTo(atMost))
			p.Set(faults.Healthy)
			return nil
		}
	}
	return []*injection{
		{name: "all connections to " + server + " reset", inject: func() error { p.Reset(); return nil }, repeating: true},
		{name: server + " unreachable, for up to 8 s", repeating: true, inject: func() error {
			p.Cut()
			return during(faults.Away, 8*time.Second)()
		}},
		{name: "nothing passes to or from " + server + ", for up to 8 s", inject: during(faults.BlackHole, 8*time.Second), repeating: true},
		{name: "responses of " + server + " lost, for up to 4 s", inject: during(faults.LostResponses, 4*time.Second), repeating: true},
	}
}

// upTo returns a random time, a tenth of the longest at least.
func upTo(longest time.Duration) time.Duration { return longest/10 + rand.N(longest*9/10) }

// attack injects faults at random, each kind once before any is repeated. The ledger is checked meanwhile.
func (s *run) attack() {
	until := time.Now().Add(*duration)
	calm := min(10*time.Second, *duration/20) // between faults, on average
	for {
		for _, i := range rand.Perm(len(s.faults)) {
			programs.Pause(s.t.Context(), calm/2+rand.N(calm))
			if time.Now().After(until) {
				return
			}
			s.inject(s.faults[i])
			s.check()
		}
	}
}

// inject injects a fault, and waits until events are handled again. The fault counts as ended then.
func (s *run) inject(f *injection) {
	began := time.Now()
	ended, repeats := func(time.Time) {}, func() int { return 0 }
	if f.repeating {
		ended, repeats = s.ledger.Fault(began)
	}
	require.NoError(s.t, f.inject(), f.name)
	healed := time.Now()
	took := s.await(healed, f.name)
	ended(time.Now())
	f.count++
	f.longest = max(f.longest, took)
	s.marks = append(s.marks, soak.Mark{At: began.Sub(s.began), Service: f.service})
	s.t.Logf("%s %s for %v, handled new events %v later, %d events repeated so far", began.UTC().Format("15:04:05"), f.name,
		healed.Sub(began).Round(time.Millisecond), took.Round(time.Millisecond), repeats())
	f.repeats = append(f.repeats, repeats)
}

// await waits until each bus has handled events that were sent after since.
func (s *run) await(since time.Time, what string) time.Duration {
	var groups []string
	for _, bus := range busNames {
		groups = append(groups, bus+"/direct/", bus+"/stored/")
	}
	for !s.ledger.HandledSince(since, groups) {
		if time.Since(since) > recovery {
			s.ledger.Report(time.Now(), fmt.Sprintf("after %s: found no new event handled on each bus for %v", what, recovery))
			break
		}
		programs.Pause(s.t.Context(), 50*time.Millisecond)
	}
	return time.Since(since)
}

// check reports what must not occur, as soon as it occurs.
func (s *run) check() {
	now := time.Now()
	s.ledger.Check(now)
	s.mu.Lock()
	for _, name := range []string{"a", "b"} {
		if at := s.seen[name]; now.Sub(at) > time.Minute {
			s.ledger.Report(now, fmt.Sprintf("service %s: no sample since %v", name, at))
		}
	}
	s.mu.Unlock()
	if problems := s.ledger.Problems(); len(problems) > 0 {
		s.t.Logf("%d problems; the last one: %s", len(problems), problems[len(problems)-1])
	}
}
