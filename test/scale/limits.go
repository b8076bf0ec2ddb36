package scale

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// outboxCosts are figures of docs/transactions.md, per second.
type outboxCosts struct {
	TransactionsWithEvent, TransactionsWithout, RelaySlow, RelayFast float64
}

// readOutboxCosts finds the figures in the tables of docs/transactions.md.
func readOutboxCosts(transactions []byte) (c outboxCosts, err error) {
	for _, row := range []struct {
		figure *float64
		cells  string
	}{
		{&c.TransactionsWithEvent, `with an event \| [^|]* \|`},
		{&c.TransactionsWithout, `without an event \| [^|]* \|`},
		{&c.RelaySlow, `to Redis \|`},
		{&c.RelayFast, `to Kafka, kafka-go \|`},
	} {
		found := regexp.MustCompile(`(?m)^\| ` + row.cells + ` ([\d,]+)`).FindSubmatch(transactions)
		if found == nil {
			return c, fmt.Errorf("costs of the outbox: found no row %q", row.cells)
		}
		if *row.figure, err = strconv.ParseFloat(strings.ReplaceAll(string(found[1]), ",", ""), 64); err != nil {
			return c, fmt.Errorf("costs of the outbox: %w", err)
		}
	}
	return c, nil
}

// The methods of page return the figures of the section about limits.

func (p page) GatheredProducers() int { return gatheredProducers }

func (p page) bus(name string) busPage {
	i := slices.IndexFunc(p.Buses, func(b busPage) bool { return b.Bus == name })
	if i < 0 {
		return busPage{}
	}
	return p.Buses[i]
}

func (p page) Redis() redisPage { return redisPage{p.bus(Redis)} }
func (p page) Kafka() busPage   { return p.bus(Kafka) }
func (p page) Franz() busPage   { return p.bus(Franz) }

// redisPage has the figures of one master.
type redisPage struct{ busPage }

// SingleEvent returns the processor time of a request with one event, and FullBatch that of an event in a full batch, in seconds.
func (r redisPage) SingleEvent() float64 { return r.Constants.ServerRequest + r.Constants.ServerEvent }

func (r redisPage) FullBatch() float64 {
	const batch = 512 // Config.BatchMessages
	return r.Constants.ServerRequest/batch + r.Constants.ServerEvent
}

func (p page) RedisMost() int { return RedisMostConnections }

func (p page) KafkaMost() int { return KafkaMostConnections(p.Kafka().Servers, p.Kafka().Topics) }
func (p page) FranzMost() int { return FranzMostConnections }

func (p page) RedisWorst() float64 {
	const maxclients = 10_000
	return maxclients / RedisMostConnections
}

func (p page) RedisConnectionsOfProducer() float64 {
	r := p.Redis()
	return producerCost(r.Series, r.Constants).Connections
}

// BufferSeconds is how long the buffer holds the events of a producer of the large fleet.
func (p page) BufferSeconds() float64 {
	const buffer = 10_000 // Config.BufferMessages
	return buffer / (largeRate / largeProducers)
}

// Checks is the rate at which the producers of the large fleet ask the registry for their schemas.
func (p page) Checks() float64 {
	const topics, schemas, every = 3, 2, 300
	return largeProducers * topics * schemas / every
}

// LastStart is the start of the most producers, or nil.
func (p page) LastStart() *Start {
	if len(p.Starts) == 0 {
		return nil
	}
	return &p.Starts[len(p.Starts)-1]
}

// perSecond is the number of producers that start in a second, which the registry limits.
func (p page) perSecond() float64 { return float64(p.LastStart().Producers) / p.LastStart().Seconds }

func (p page) StartsInTime() float64 {
	const schemaTimeout = 5
	return schemaTimeout * p.perSecond()
}

func (p page) StartOfAll() float64 { return largeProducers / p.perSecond() }

// WithPartitions is the rate of requests if fewer producers send the events of the large fleet to 48 brokers, and each topic has the
// given number of partitions.
func (p page) WithPartitions(partitions int) float64 {
	c := p.Kafka().Constants
	if c.Queues == 0 {
		return math.NaN()
	}
	c = c.Median()
	c.Queues = p.Kafka().Topics * partitions
	const servers = 48
	return c.Predict(Fleet{Producers: gatheredProducers, Rate: largeRate, Servers: servers, Cores: p.Kafka().Cores()}).Writes
}

// Cost returns the cost of one more of something.
func (p page) Cost(bus, of string) Cost {
	for _, c := range p.Costs {
		if c.Bus == bus && c.Of == of {
			return c
		}
	}
	return Cost{}
}

// StreamsOfMaster is the number of consumed streams without events whose requests use a master completely.
func (p page) StreamsOfMaster() float64 {
	return 1 / p.Redis().SingleEvent() / p.Cost(Redis, "stream of a consumer").IdleRequests
}

// costRun says where and when some costs were measured.
type costRun struct {
	Measured string
	Run
}

func (p page) CostRuns() []costRun {
	var runs []costRun
	for _, run := range []costRun{
		{Measured: "topics and consumers, Redis", Run: p.Cost(Redis, "consumer").Run},
		{Measured: "topics, partitions, consumers and starts, Kafka", Run: p.Cost(Kafka, "consumer").Run},
		{Measured: "relays", Run: p.Cost("postgres", "relay").Run},
	} {
		if run.Commit != "" {
			runs = append(runs, run)
		}
	}
	return runs
}

// GrowthDeviation is the largest deviation of the predicted requests in the rows with a rising number of producers, and LoadDeviation
// that in the rows with a rising rate, in per cent.
func (b busPage) GrowthDeviation() float64 { return deviation(b.Checks[:len(b.Growth)]) }
func (b busPage) LoadDeviation() float64   { return deviation(b.Checks[len(b.Growth):]) }

func deviation(checks []check) float64 {
	most := 0.0
	for _, c := range checks {
		most = max(most, math.Abs(c.Model.Requests/c.Requests-1), math.Abs(c.SimulatedRequests()/c.Requests-1))
	}
	return 100 * most
}

// eventsOfProducer is the rate of a producer of the large fleet.
const eventsOfProducer = largeRate / largeProducers

// Cores is the number of processors of a server of the large fleet.
func (b busPage) Cores() int { return largeFleets(b.Bus, 1)[0].Cores }

// MostWithin10ms is the largest number of producers whose events take at most 10 ms, with the servers that were measured.
func (b busPage) MostWithin10ms() float64 {
	const most = 10e-3
	c := b.Constants.Median()
	return float64(sort.Search(1e6, func(n int) bool {
		f := Fleet{Producers: n + 1, Rate: float64(n+1) * eventsOfProducer, Servers: b.Servers, Cores: b.Cores()}
		return c.Predict(f).Latency > most
	}))
}

// MostSustained is the number of producers whose events alone use the servers' processors completely.
func (b busPage) MostSustained() float64 {
	return float64(b.Servers*b.Cores()) / b.Constants.ServerEvent / eventsOfProducer
}

// MostConnected is the number of producers with 10,000 connections to a server.
func (b busPage) MostConnected() float64 { return 10_000 / b.Constants.Connections }

// Short is the name in a sentence.
func (b busPage) Short() string { return names()[b.Bus] }

// MostConnections is the number of connections of the server with the most.
func (c check) MostConnections() float64 { return float64(slices.Max(c.Connections)) }

// SimulatedRequests adds the requests without events, which the simulation does not have, to its requests.
func (c check) SimulatedRequests() float64 {
	return c.Simulated.Writes + c.Model.Requests - c.Model.Writes
}
