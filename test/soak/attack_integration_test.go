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

// injection injects one kind of fault, and counts what it led to.
type injection struct {
	name   string
	inject func() error
	// repeating says whether events may be handled again because of the fault.
	repeating bool
	// service says whether the fault concerns a service, not a server.
	service bool

	count   int
	repeats []func() int // for each fault, the number of events that were handled again so far
	longest time.Duration
}

// result returns the row of the page.
func (f *injection) result() soak.Fault {
	r := soak.Fault{Name: f.name, Count: f.count, Longest: f.longest}
	for _, n := range f.repeats {
		r.Repeats += n()
	}
	return r
}

// serviceFaults returns the faults of services. Only the first two end a process, always that of service b.
func (s *run) serviceFaults() []*injection {
	return []*injection{
		{name: "a service killed with -9, and started again", inject: s.replace, repeating: true, service: true},
		{name: "a service restarted", inject: s.restart, service: true},
		{name: "a service stopped with SIGSTOP, for up to 8 s", repeating: true, service: true, inject: func() error {
			return []*programs.Program{s.steady, s.killed}[rand.N(2)].Suspend(upTo(8 * time.Second))
		}},
	}
}

// replace kills service b with SIGKILL, and starts it again.
func (s *run) replace() error {
	err := s.killed.Replace()
	s.keepCounters()
	return err
}

// restart stops service b with SIGTERM, and starts it again.
func (s *run) restart() error {
	err := s.killed.Restart()
	s.keepCounters()
	return err
}

// keepCounters keeps the counters of service b, which begin at 0 in its next process.
func (s *run) keepCounters() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended.add(s.counters["b"])
	delete(s.counters, "b")
}

func (s *run) serverFaults(postgres, redis, kafka *programs.Server) []*injection {
	return []*injection{
		{name: "PostgreSQL killed with -9, and started again", inject: func() error { return kill(postgres, upTo(time.Second)) }, repeating: true},
		{name: "Redis killed with -9, and started again", inject: func() error { return kill(redis, upTo(5*time.Second)) }, repeating: true},
		{name: "Redis stopped with SIGSTOP, for up to 8 s", inject: func() error { return redis.Suspend(upTo(8 * time.Second)) }, repeating: true},
		{name: "Kafka killed with -9, and started again", inject: func() error { return kill(kafka, upTo(5*time.Second)) }, repeating: true},
		{name: "Kafka stopped with SIGSTOP, for up to 8 s", inject: func() error { return kafka.Suspend(upTo(8 * time.Second)) }, repeating: true},
	}
}

// kill kills a server with SIGKILL and starts it again, in up to three attempts: on a busy machine, a start may time out.
func kill(server *programs.Server, down time.Duration) (err error) {
	for range 3 {
		if err = server.Kill(down); err == nil {
			return nil
		}
	}
	return err
}

// proxyFaults returns the faults of the connections to a server.
func proxyFaults(server string, p *faults.Proxy) []*injection {
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

// upTo returns a random duration from a tenth of the longest to the longest.
func upTo(longest time.Duration) time.Duration { return longest/10 + rand.N(longest*9/10) }

// attack injects faults in random order: every kind once, then every kind again, until the time is over. It checks the ledger after each.
func (s *run) attack() {
	until := time.Now().Add(*duration)
	calm := min(10*time.Second, *duration/20) // the average time between faults
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

// inject injects a fault, and waits until new events are handled. For the ledger, the fault ends then.
func (s *run) inject(f *injection) {
	began := time.Now()
	ended, repeats := func(time.Time) {}, func() int { return 0 }
	if f.repeating {
		ended, repeats = s.ledger.Fault(began)
	}
	require.NoError(s.t, f.inject(), f.name)
	healed := time.Now()
	took := s.awaitNewEvents(healed, f.name)
	ended(time.Now())
	f.count++
	f.longest = max(f.longest, took)
	s.marks = append(s.marks, soak.Mark{At: began.Sub(s.began), Service: f.service})
	s.t.Logf("%s %s for %v, handled new events %v later, %d events repeated so far", began.UTC().Format("15:04:05"), f.name,
		healed.Sub(began).Round(time.Millisecond), took.Round(time.Millisecond), repeats())
	f.repeats = append(f.repeats, repeats)
}

// awaitNewEvents waits until events sent after since were handled, on each bus and in both ways: directly and through the outbox.
func (s *run) awaitNewEvents(since time.Time, what string) time.Duration {
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

// check reports overdue events and silent services.
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
