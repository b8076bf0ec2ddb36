package scale_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/scale"
)

// constants are of no real server.
func constants() scale.Constants {
	return scale.Constants{
		Connections: 2, Goroutines: 3, Memory: 1000, IdleRequests: 0.5, Queues: 3, InFlight: 1,
		Flights: []float64{1e-3}, PerEvent: 4e-6, ServerRequest: 20e-6, ServerEvent: 3e-6,
	}
}

func TestModelScalesWhatBelongsToAProducer(t *testing.T) {
	t.Parallel()
	p := constants().Predict(scale.Fleet{Producers: 100, Rate: 100, Servers: 3, Cores: 1})
	require.InDelta(t, 200, p.Connections, 1e-9)
	require.InDelta(t, 300, p.Goroutines, 1e-9)
	require.InDelta(t, 100_000, p.Memory, 1e-9)
	require.InDelta(t, 150, p.Requests, 1, "100 events and 50 requests of idle producers")
	require.InDelta(t, 1, p.Batch, 0.001)
}

func TestModelCountsTheChecksOfConnectionsThatWereIdle(t *testing.T) {
	t.Parallel()
	c := constants()
	c.IdleRequests, c.Check = 0, time.Second
	f := scale.Fleet{Producers: 100, Rate: 300, Servers: 3, Cores: 1} // an event per second in each queue
	require.InDelta(t, 300*(1+math.Exp(-1)), c.Predict(f).Requests, 1)
}

func TestModelCountsTheQuestionsForPartitionsOfTopicsInUse(t *testing.T) {
	t.Parallel()
	c := constants()
	c.IdleRequests, c.Refresh, c.Topics = 0, 5*time.Second, 3
	f := scale.Fleet{Producers: 100, Rate: 60, Servers: 3, Cores: 1} // an event of each topic every 5 s
	require.InDelta(t, 60+300/(5+5), c.Predict(f).Requests, 1)
}

func TestModelSaysWhenServersCannotKeepUp(t *testing.T) {
	t.Parallel()
	c := constants()
	f := scale.Fleet{Producers: 10, Rate: 1.1e6, Servers: 3, Cores: 1} // 3.3 processors for the events alone
	require.True(t, math.IsInf(c.Predict(f).Latency, 1))
	f.Servers = 4
	p := c.Predict(f)
	require.False(t, math.IsInf(p.Latency, 1))
	require.Greater(t, p.Batch, 50.0, "there is little room for requests")
	require.Less(t, p.Busy, 1.0)
}

// The model and the simulation share only the constants.
func TestSimulationAgreesWithModel(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]scale.Fleet{
		"single events":   {Producers: 100, Rate: 1000, Servers: 3, Cores: 1},
		"some batches":    {Producers: 1, Rate: 5000, Servers: 3, Cores: 1},
		"larger batches":  {Producers: 1, Rate: 30_000, Servers: 3, Cores: 1},
		"several cores":   {Producers: 1000, Rate: 100_000, Servers: 3, Cores: 4},
		"servers are hot": {Producers: 1000, Rate: 250_000, Servers: 3, Cores: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			predicted, simulated := constants().Predict(f), constants().Simulate(f, 40_000/f.Rate+0.2, 1)
			require.InEpsilon(t, predicted.Batch, simulated.Batch, 0.1)
			require.InEpsilon(t, predicted.Busy, simulated.Busy, 0.1)
			require.InEpsilon(t, predicted.Latency, simulated.Latency, 0.2)
		})
	}
}

func TestSimulationIsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	f := scale.Fleet{Producers: 10, Rate: 2000, Servers: 3, Cores: 1}
	first, again, other := constants().Simulate(f, 1, 7), constants().Simulate(f, 1, 7), constants().Simulate(f, 1, 8)
	require.Equal(t, first, again)
	require.NotEqual(t, first, other)
}

func TestSimulationSendsSeveralRequestsAtOnce(t *testing.T) {
	t.Parallel()
	c := constants()
	f := scale.Fleet{Producers: 1, Rate: 9000, Servers: 3, Cores: 1} // 3 events in each queue while a request is in flight
	one := c.Simulate(f, 5, 1)
	c.InFlight = 5
	five := c.Simulate(f, 5, 1)
	require.Greater(t, one.Batch, 2.5)
	require.Less(t, five.Batch, 1.5)
}

func TestFitFindsTheConstants(t *testing.T) {
	t.Parallel()
	point := func(producers int, rate, batch float64) scale.Point {
		return scale.Point{
			Producers: producers, Events: rate, Writes: rate / batch, Connections: []int{2 * producers, 4 * producers},
			Goroutines: 5 + 3*producers, Heap: uint64(1000 + 100*producers), IdleRequests: float64(producers) / 4,
			Requests: rate / batch, ServerCPU: rate/batch*20e-6 + rate*3e-6, ClientCPU: rate * 30e-6,
		}
	}
	c := scale.Fit(scale.Series{
		Bus: scale.Kafka, Servers: 2, Topics: 3, Partitions: 2,
		Growth: []scale.Point{point(1, 2000, 1), point(11, 2000, 1)},
		Load:   []scale.Point{point(1, 5000, 2), point(1, 10_000, 5)}, Flights: []float64{1e-3, 2e-3, 9e-3},
	})
	require.InDelta(t, 4, c.Connections, 1e-9)
	require.InDelta(t, 3, c.Goroutines, 1e-9)
	require.InDelta(t, 100, c.Memory, 1e-9)
	require.InDelta(t, 0.25, c.IdleRequests, 1e-9)
	require.InDelta(t, 20e-6, c.ServerRequest, 1e-9)
	require.InDelta(t, 3e-6, c.ServerEvent, 1e-9)
	require.Equal(t, 6, c.Queues)
	require.InDelta(t, 2e-3, c.Flight(), 1e-9)
	require.Equal(t, []float64{2e-3}, c.Median().Flights)
}
