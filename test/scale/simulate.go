package scale

import (
	"container/heap"
	"math"
	"math/rand/v2"
)

// Simulated is the result of a simulation.
type Simulated struct {
	Batch, Writes, Latency, Busy float64
}

// Simulate simulates a fleet for some seconds. Events come at random moments in random queues. A queue sends what has come as one
// request, as long as fewer than InFlight of its requests are in flight. Each server handles requests in order on its processors.
// The first half of the time is not counted, so that queues have their usual length. The result is the same for the same seed.
func (c Constants) Simulate(f Fleet, seconds float64, seed uint64) Simulated {
	s := &simulation{
		c: c, random: rand.New(rand.NewPCG(seed, seed)), //nolint:gosec // a simulation
		queues: make([]queue, f.Producers*c.Queues), free: make([][]float64, f.Servers),
	}
	for i := range s.free {
		s.free[i] = make([]float64, f.Cores)
	}
	half := seconds / 2
	s.run(f.Rate, half)
	s.events, s.writes, s.waited, s.served = 0, 0, 0, 0
	s.run(f.Rate, seconds)
	return Simulated{
		Batch: s.events / s.writes, Writes: s.writes / half, Latency: s.waited / s.events, Busy: min(1, s.served/half/float64(f.Servers*f.Cores)),
	}
}

// run continues the simulation until the given time.
func (s *simulation) run(rate, until float64) {
	for s.now < until {
		if s.next == 0 {
			s.next = s.now + s.random.ExpFloat64()/rate
		}
		if len(s.ends) > 0 && s.ends[0].at <= s.next {
			s.advance()
			continue
		}
		s.now, s.next = s.next, 0
		s.arrive(s.random.IntN(len(s.queues)))
	}
}

type simulation struct {
	c      Constants
	random *rand.Rand
	now    float64
	next   float64 // when the next event comes, or 0
	queues []queue
	free   [][]float64 // when each processor of each server is free
	ends   ends

	events, writes, waited, served float64
}

// queue holds the number of waiting events, and the sum of the times at which they came.
type queue struct {
	waiting  int32
	inFlight int32
	since    float64
}

// end is when a server gets a request, or when it has handled it.
type end struct {
	at      float64
	queue   int32
	count   int32
	since   float64
	service float64 // 0 if the server has handled it
}

type ends []end

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].at < e[j].at }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(end)) } //nolint:forcetypeassert // the only type
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func (s *simulation) arrive(i int) {
	q := &s.queues[i]
	q.waiting++
	q.since += s.now
	if int(q.inFlight) < s.c.InFlight {
		s.send(i)
	}
}

// send sends what waits in a queue. The time that is not the server's passes before the server gets the request.
func (s *simulation) send(i int) {
	q := &s.queues[i]
	n := float64(q.waiting)
	service := s.c.ServerRequest + n*s.c.ServerEvent
	flight := s.c.Flights[s.random.IntN(len(s.c.Flights))]
	elsewhere := max(0, flight+(n-1)*s.c.PerEvent-service)
	heap.Push(&s.ends, end{s.now + elsewhere, int32(i), q.waiting, q.since, service}) //nolint:gosec // a number of queues fits
	s.served += service
	s.writes++
	q.waiting, q.since = 0, 0
	q.inFlight++
}

// advance handles the next end.
func (s *simulation) advance() {
	e, _ := heap.Pop(&s.ends).(end)
	s.now = e.at
	if e.service > 0 {
		processors := s.free[int(e.queue)%len(s.free)]
		first := 0
		for j, at := range processors {
			if at < processors[first] {
				first = j
			}
		}
		e.at, e.service = math.Max(s.now, processors[first])+e.service, 0
		processors[first] = e.at
		heap.Push(&s.ends, e)
		return
	}
	s.events += float64(e.count)
	s.waited += float64(e.count)*e.at - e.since
	q := &s.queues[e.queue]
	q.inFlight--
	if q.waiting > 0 {
		s.send(int(e.queue))
	}
}
