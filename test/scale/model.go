package scale

import (
	"math"
	"slices"
	"time"
)

// Bounds that docs/scaling.md states and the integration test of this package checks.
const (
	// RedisMostConnections bounds the connections of a producer to one master: Config.Pipelines of the backend. Requests for the
	// layout of the cluster share them.
	RedisMostConnections = 8
	// FranzMostConnections bounds those to one broker with backends/franz: one for events, one for other requests, and one if the
	// broker is among Config.Brokers.
	FranzMostConnections = 3
	// RedisGoroutines bounds the goroutines of a producer that sends little.
	RedisGoroutines = 4
)

// KafkaMostConnections bounds the connections of a producer to one broker with backends/kafka. It has at most 16 requests in flight for
// the partitions of each broker. The first one of a partition asks any broker for a producer ID, and the first one of a topic asks any
// broker for its partitions. One more connection reads metadata.
func KafkaMostConnections(brokers, topics int) int { return 16*brokers + topics + 1 }

// Constants are the measured costs of one kind of servers.
type Constants struct {
	// Connections, Goroutines, Memory and IdleRequests are what one more producer adds: connections to the server with the most, goroutines,
	// bytes of heap and stacks, and requests per second without events.
	Connections, Goroutines, Memory, IdleRequests float64
	// Queues is the number of independent queues of a producer, each with at most InFlight requests in flight.
	Queues, InFlight int
	// Flights are times from sending a request with one event to its acknowledgement, on servers with little work. Each is as
	// likely as any other. Each further event of the request adds PerEvent. All are seconds.
	Flights  []float64
	PerEvent float64
	// ServerRequest and ServerEvent are the processor time of all servers for one request and for one event, and ClientEvent that of
	// a client for one event with its share of the request, in seconds.
	ServerRequest, ServerEvent, ClientEvent float64
	// Check is the time without use after which a connection is checked, with a request of its own, before it is used. 0 means never.
	Check time.Duration
	// Refresh is the age after which the partitions of a topic are requested again, when the topic is used. 0 means never. Topics is
	// the number of topics of a producer.
	Refresh time.Duration
	Topics  int
}

// Fit returns the constants of a series.
func Fit(s Series) Constants {
	first, last := s.Growth[0], s.Growth[len(s.Growth)-1]
	more := float64(last.Producers - first.Producers)
	per := func(of func(Point) float64) float64 { return (of(last) - of(first)) / more }
	c := Constants{
		Connections:  per(func(p Point) float64 { return float64(slices.Max(p.Connections)) }),
		Goroutines:   per(func(p Point) float64 { return float64(p.Goroutines) }),
		Memory:       per(func(p Point) float64 { return float64(p.Heap + p.Stacks) }),
		IdleRequests: per(func(p Point) float64 { return p.IdleRequests }),
	}
	c.Topics = s.Topics
	switch s.Bus {
	case Redis:
		c.Queues, c.InFlight, c.Check = s.Topics, 1, time.Second
	case Kafka:
		c.Queues, c.InFlight, c.Refresh = s.Topics*s.Partitions, 1, 5*time.Second
	case Franz:
		const most = 5 // of an idempotent producer, to each broker
		c.Queues, c.InFlight = s.Servers, most
	}
	points := append(append([]Point(nil), s.Growth...), s.Load...)
	c.ServerRequest, c.ServerEvent = split(points, func(p Point) float64 { return p.ServerCPU })
	clientRequest, clientEvent := split(points, func(p Point) float64 { return p.ClientCPU })
	c.ClientEvent = clientRequest + clientEvent
	c.PerEvent = c.ServerEvent + clientEvent
	c.Flights = s.Flights
	return c
}

// Median returns the constants with only the median of Flights, as of servers that never wait for a processor.
func (c Constants) Median() Constants {
	c.Flights = []float64{c.Flight()}
	return c
}

// Flight returns the median of Flights.
func (c Constants) Flight() float64 { return c.Flights[len(c.Flights)/2] }

// split divides the use of processors into a part for each request and a part for each event, by least squares. Neither is
// negative.
func split(points []Point, use func(Point) float64) (perRequest, perEvent float64) {
	var rr, re, ee, ru, eu float64
	for _, p := range points {
		w := 1 / use(p) // for relative deviations
		r, e, u := p.Requests*w, p.Events*w, 1.0
		rr, re, ee, ru, eu = rr+r*r, re+r*e, ee+e*e, ru+r*u, eu+e*u
	}
	d := rr*ee - re*re
	perRequest, perEvent = (ru*ee-eu*re)/d, (rr*eu-re*ru)/d
	switch {
	case perRequest < 0:
		return 0, eu / ee
	case perEvent < 0:
		return ru / rr, 0
	default:
		return perRequest, perEvent
	}
}

// Fleet is a number of producers and servers, for which the model predicts costs.
type Fleet struct {
	Producers int
	Rate      float64 // events per second, in total
	Servers   int
	Cores     int // of each server that handle requests: 1 for Redis
}

// Prediction is the result of the model.
type Prediction struct {
	// Connections are those of the server with the most. Memory is that of all producers, in bytes.
	Connections, Goroutines, Memory float64
	// Batch is the number of events in a request. Writes and Requests are rates of all servers, with and without events.
	Batch, Writes, Requests float64
	// Flight is the mean time from sending a request to its acknowledgement, and Latency that from accepting an event, in
	// seconds. They are infinite if the servers cannot keep up.
	Flight, Latency float64
	// Busy is the share of the servers' processors in use.
	Busy float64
}

// Predict returns the prediction for a fleet.
func (c Constants) Predict(f Fleet) Prediction {
	n := float64(f.Producers)
	p := Prediction{Connections: n * c.Connections, Goroutines: n * c.Goroutines, Memory: n * c.Memory}
	perQueue := f.Rate / n / float64(c.Queues)
	at := func(delay float64) (batch, busy, needed float64) {
		batch = c.batch(perQueue, delay)
		writes := f.Rate / batch
		busy = (writes*c.ServerRequest + f.Rate*c.ServerEvent) / float64(f.Servers*f.Cores)
		if busy >= 1 {
			return batch, busy, math.Inf(1)
		}
		service := c.ServerRequest + batch*c.ServerEvent
		return batch, busy, (batch-1)*c.PerEvent + service*busy/(1-busy)/2/float64(f.Cores)
	}
	const longest = 100 // seconds
	low, high := 0.0, float64(longest)
	for range 100 { // bisection: a longer delay means larger batches, which need less delay
		middle := (low + high) / 2
		if _, _, needed := at(middle); needed > middle {
			low = middle
		} else {
			high = middle
		}
	}
	p.Batch, p.Busy, _ = at(high)
	p.Writes = f.Rate / p.Batch
	p.Requests = p.Writes + n*c.IdleRequests
	if c.Check > 0 {
		p.Requests += p.Writes * math.Exp(-perQueue*c.Check.Seconds())
	}
	if topics := n * float64(c.Topics); c.Refresh > 0 {
		p.Requests += topics / (c.Refresh.Seconds() + topics/f.Rate)
	}
	for _, flight := range c.Flights {
		p.Flight += (flight + high) / float64(len(c.Flights))
	}
	// An event waits for half a flight on average if its queue may not send.
	p.Latency = p.Flight * (1 + min(1, p.Writes/n/float64(c.Queues)*p.Flight/float64(c.InFlight))/2/float64(c.InFlight))
	if p.Busy >= 1 || high >= longest*0.99 {
		p.Flight, p.Latency = math.Inf(1), math.Inf(1)
	}
	return p
}

// forServers returns the constants for another number of servers. A producer of franz-go has a queue for each broker.
func (c Constants) forServers(n int) Constants {
	if c.InFlight > 1 {
		c.Queues = n
	}
	return c
}

// batch returns the number of events in a request of a queue, from its rate and the delay of its requests besides Flights. With one
// request in flight at a time, the next one takes the x events that came meanwhile, or, with the probability e^-x that none came,
// waits for one.
func (c Constants) batch(rate, delay float64) float64 {
	sum := 0.0
	for _, flight := range c.Flights {
		if x := rate * (flight + delay); c.InFlight == 1 {
			sum += x + math.Exp(-x)
		} else {
			sum += x / float64(c.InFlight)
		}
	}
	return max(1, sum/float64(len(c.Flights)))
}
