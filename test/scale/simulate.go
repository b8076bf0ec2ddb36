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

// Simulate simulates a fleet for some seconds. Events come at random times in random queues. A queue sends all waiting events as one
// request while fewer than InFlight of its requests are in flight. Each server handles requests in order on its processors.
// It does not count the first half of the time, until which queues reach their usual length. The result is the same for the same seed.
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
		if len(s.moments) > 0 && s.moments[0].at <= s.next {
			s.advance()
			continue
		}
		s.now, s.next = s.next, 0
		s.arrive(s.random.IntN(len(s.queues)))
	}
}

type simulation struct {
	c       Constants
	random  *rand.Rand
	now     float64
	next    float64 // when the next event comes, or 0
	queues  []queue
	free    [][]float64 // when each processor of each server is free
	moments moments

	events, writes, waited, served float64
}

// queue has the number of waiting events, the number of requests in flight, and the sum of the times at which the waiting events came.
type queue struct {
	waiting  int32
	inFlight int32
	arrivals float64
}

// moment is when a server receives a request, or when it has handled it.
type moment struct {
	at       float64
	queue    int32
	events   int32
	arrivals float64 // the sum of the times at which the events came
	service  float64 // 0 if the server has handled it
}

type moments []moment

func (m moments) Len() int           { return len(m) }
func (m moments) Less(i, j int) bool { return m[i].at < m[j].at }
func (m moments) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(x any)        { *m = append(*m, x.(moment)) } //nolint:forcetypeassert // the only type
func (m *moments) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

func (s *simulation) arrive(i int) {
	q := &s.queues[i]
	q.waiting++
	q.arrivals += s.now
	if int(q.inFlight) < s.c.InFlight {
		s.send(i)
	}
}

// send sends the waiting events of a queue. The part of the flight that is not the server's passes before the server receives the request.
func (s *simulation) send(i int) {
	q := &s.queues[i]
	n := float64(q.waiting)
	service := s.c.ServerRequest + n*s.c.ServerEvent
	flight := s.c.Flights[s.random.IntN(len(s.c.Flights))]
	elsewhere := max(0, flight+(n-1)*s.c.PerEvent-service)
	heap.Push(&s.moments, moment{s.now + elsewhere, int32(i), q.waiting, q.arrivals, service}) //nolint:gosec // a number of queues fits
	s.served += service
	s.writes++
	q.waiting, q.arrivals = 0, 0
	q.inFlight++
}

// advance handles the next moment.
func (s *simulation) advance() {
	e, _ := heap.Pop(&s.moments).(moment)
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
		heap.Push(&s.moments, e)
		return
	}
	s.events += float64(e.events)
	s.waited += float64(e.events)*e.at - e.arrivals
	q := &s.queues[e.queue]
	q.inFlight--
	if q.waiting > 0 {
		s.send(int(e.queue))
	}
}
