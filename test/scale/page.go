package scale

import (
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed scaling.md.tmpl
var pageText string

// Page returns docs/scaling.md for what was measured, with the costs of the outbox from docs/transactions.md.
func Page(m Measured, transactions []byte) ([]byte, error) {
	costs, err := readOutboxCosts(transactions)
	if err != nil {
		return nil, err
	}
	parsed, err := template.New("").Funcs(template.FuncMap{
		"figure": figure, "integer": integer, "percent": percent, "millis": func(s float64) string { return figure(s * 1e3) },
		"micros": func(s float64) string { return figure(s * 1e6) }, "kb": func(b float64) string { return figure(b / 1e3) },
		"mb": func(b float64) string { return figure(b / 1e6) }, "div": func(a, b float64) float64 { return a / b },
		"mul": func(a, b float64) float64 { return a * b }, "float": func(n int) float64 { return float64(n) },
		"bytes": func(n uint64) float64 { return float64(n) }, "span": span,
	}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, newPage(m, costs)); err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return b.Bytes(), nil
}

// page is what the template shows.
type page struct {
	Measured

	Outbox outboxCosts
	Buses  []busPage
	Rows   []costRow
	Fleet  Fleet
}

// busPage is the part of the page about one kind of servers.
type busPage struct {
	Series

	Title     string
	Constants Constants
	Checks    []check
	Large     []large
	// Gathered is the large fleet with its events gathered in fewer producers.
	Gathered []large
}

// check compares a point with the model and the simulation.
type check struct {
	Point

	// Processors is the number of processors that the servers had for themselves.
	Processors float64
	Model      Prediction
	Simulated  Simulated
}

// large is a prediction for a fleet that was not measured.
type large struct {
	Fleet

	Model     Prediction
	Simulated Simulated
	Possible  bool // whether the servers can keep up
}

// costRow is a row of the table of costs.
type costRow struct {
	Name string
	Cost
}

const (
	largeProducers = 10_000
	largeRate      = 1e6
	// gatheredProducers is the number of producers that send the events of the large fleet in its place.
	gatheredProducers = 100
)

func titles() map[string]string {
	return map[string]string{
		Redis: "Redis Cluster of three masters", Kafka: "Three brokers, `backends/kafka`", Franz: "Three brokers, `backends/franz`",
	}
}

func newPage(m Measured, costs outboxCosts) page {
	p := page{Measured: m, Outbox: costs, Fleet: Fleet{Producers: largeProducers, Rate: largeRate}}
	for _, s := range m.Series {
		c := Fit(s)
		b := busPage{Series: s, Title: titles()[s.Bus], Constants: c}
		for _, point := range append(append([]Point(nil), s.Growth...), s.Load...) {
			// The servers of the measurement share processors.
			f := Fleet{Producers: point.Producers, Rate: point.Events, Servers: 1, Cores: s.ServerProcessors()}
			b.Checks = append(b.Checks, check{point, float64(s.ServerProcessors()), c.Predict(f), c.Simulate(f, 2*simulatedEvents/f.Rate, 1)})
		}
		for _, f := range largeFleets(s.Bus, largeProducers) {
			b.Large = append(b.Large, newLarge(c, f))
		}
		for _, f := range largeFleets(s.Bus, gatheredProducers) {
			b.Gathered = append(b.Gathered, newLarge(c, f))
		}
		p.Buses = append(p.Buses, b)
		p.Rows = append(p.Rows, costRow{"producer, " + names()[s.Bus], producerCost(s, c)})
	}
	for _, c := range m.Costs {
		row := c.Of
		switch name := names()[c.Bus]; {
		case c.Bus == Kafka && c.Of == "consumer":
			row += ", Kafka"
		case name != "":
			row += ", " + name
		}
		p.Rows = append(p.Rows, costRow{row, c})
	}
	return p
}

// simulatedEvents is the number of events of a simulation, enough for two digits.
const simulatedEvents = 20_000

func names() map[string]string {
	return map[string]string{Redis: "Redis", Kafka: "`backends/kafka`", Franz: "`backends/franz`"}
}

// largeFleets returns the fleets with the numbers of servers to compare.
func largeFleets(bus string, producers int) []Fleet {
	servers, cores := []int{12, 24, 48}, 1
	if bus != Redis {
		servers, cores = []int{6, 12, 24, 48}, 16
	}
	var fleets []Fleet
	for _, n := range servers {
		fleets = append(fleets, Fleet{Producers: producers, Rate: largeRate, Servers: n, Cores: cores})
	}
	return fleets
}

// newLarge predicts a large fleet, and simulates a part of it: one server, or some of its processors, with their share of the
// producers. Each queue and each processor has the same load as in the whole fleet.
func newLarge(c Constants, f Fleet) large {
	c = c.forServers(f.Servers).Median()
	l := large{Fleet: f, Model: c.Predict(f)}
	l.Possible = !math.IsInf(l.Model.Latency, 1)
	if l.Possible {
		part := Fleet{Producers: max(1, f.Producers/f.Servers), Servers: 1, Cores: f.Cores}
		const few = 4
		if share := part.Cores / few; share > 1 && part.Producers >= 10*share {
			part.Producers, part.Cores = part.Producers/share, few
		}
		part.Rate = f.Rate * float64(part.Producers) / float64(f.Producers)
		l.Simulated = c.Simulate(part, max(12*l.Model.Latency, 2*simulatedEvents/part.Rate), 1)
	}
	return l
}

// producerCost returns what one more producer of a series costs.
func producerCost(s Series, c Constants) Cost {
	first, last := s.Growth[0], s.Growth[len(s.Growth)-1]
	more := float64(last.Producers - first.Producers)
	return Cost{
		Run: s.Run, Bus: s.Bus, More: last.Producers - first.Producers, Goroutines: c.Goroutines,
		Connections: (sumOf(last.Connections) - sumOf(first.Connections)) / more,
		Descriptors: float64(last.Descriptors-first.Descriptors) / more, Heap: (float64(last.Heap) - float64(first.Heap)) / more,
		Stacks: (float64(last.Stacks) - float64(first.Stacks)) / more, IdleRequests: c.IdleRequests,
		IdleCPU: (last.IdleClientCPU - first.IdleClientCPU) / more,
	}
}

func sumOf(all []int) float64 {
	sum := 0
	for _, n := range all {
		sum += n
	}
	return float64(sum)
}

// figure returns a number with three digits.
func figure(x float64) string {
	switch a := math.Abs(x); {
	case a >= 99.95 || math.IsNaN(x):
		return integer(x)
	case a >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a < 0.005:
		return "0"
	default:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
}

// integer returns a number without decimals, with commas between thousands.
func integer(x float64) string {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return "–"
	}
	digits := strconv.FormatFloat(math.Abs(math.Round(x)), 'f', 0, 64)
	var b strings.Builder
	if x <= -0.5 {
		b.WriteString("-")
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(",")
		}
		b.WriteRune(d)
	}
	return b.String()
}

// span returns the smallest and the largest number.
func span(all []int) string {
	least, most := slices.Min(all), slices.Max(all)
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d–%d", least, most)
}

// percent returns how much x deviates from the measured value.
func percent(x, measured float64) string { return fmt.Sprintf("%+.0f %%", (x/measured-1)*100) }
