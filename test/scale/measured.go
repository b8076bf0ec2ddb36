package scale

// Measured is what the integration test has measured. It is kept in testdata/measured.json.
type Measured struct {
	Series []Series
	Costs  []Cost
	Starts []Start
}

// Run says where and when something was measured.
type Run struct {
	Commit, Date, Processor string
	Processors              int
	Versions                string
}

// The values of Series.Bus.
const (
	Redis = "redis" // a Redis Cluster of three masters
	Kafka = "kafka" // three brokers, written to with backends/kafka
	Franz = "franz" // three brokers, written to with backends/franz
)

// Series are the measurements of fleets that write to one kind of servers.
type Series struct {
	Run

	// Bus is one of the constants above.
	Bus string
	// Servers is the number of servers. Topics is the number of topics that each producer writes to, and Partitions
	// the number of partitions of each.
	Servers, Topics, Partitions int
	// Growth has a rising number of producers and a fixed total rate. Load has few producers and a rising total rate.
	Growth, Load []Point
	// Rested is the number of connections of each server, some time after the last event of Growth.
	Rested []int
	// Flights are quantiles of the time from accepting an event to its acknowledgement, in seconds. They belong to the point of Growth
	// with several producers whose mean is the least. There, nearly every event has a request of its own.
	Flights []float64
}

// ServerProcessors is the number of processors that the servers had for themselves: all but one, which everything else used.
func (s Series) ServerProcessors() int { return max(1, s.Processors-1) }

// Quantiles is the number of Series.Flights. Each stands for the same share of events.
const Quantiles = 200

// Point is one measurement of a fleet. Figures per second are means over some seconds, and are sums over all producers and servers.
type Point struct {
	Producers int
	// Wanted is the total rate at which events were sent, and Events the rate of acknowledged ones. 0 means as fast as possible.
	Wanted, Events float64
	// Requests is the rate of requests of all kinds, and Writes that of requests that carry events.
	Requests, Writes float64
	// Connections are those of each server.
	Connections []int
	// Goroutines, Descriptors, Heap and Stacks are those of the process with the producers. Heap and Stacks are bytes after a
	// collection.
	Goroutines, Descriptors int
	Heap, Stacks            uint64
	// ClientCPU and ServerCPU are processors in use, including what is used without events.
	ClientCPU, ServerCPU float64
	// Mean, Median and P99 are times from accepting an event to its acknowledgement, in seconds.
	Mean, Median, P99 float64
	// IdleRequests, IdleClientCPU and IdleServerCPU hold while no event is sent.
	IdleRequests, IdleClientCPU, IdleServerCPU float64
}

// Batch returns the number of events in a request.
func (p Point) Batch() float64 { return p.Events / p.Writes }

// Cost is what one more of something costs: the mean when More of it are added.
type Cost struct {
	Run

	Bus, Of string
	More    int
	// Connections is the sum over all servers.
	Connections, Goroutines, Descriptors float64
	Heap, Stacks                         float64
	// IdleRequests is a rate, and IdleCPU the use of processors by the client, while no event is sent.
	IdleRequests, IdleCPU float64
}

// Start is the start of many producers at the same moment.
type Start struct {
	Run

	Bus       string
	Producers int
	// Requests is the number of requests to the schema registry.
	Requests int
	// Seconds is the time until the last producer was ready, and RegistryCPU the processor time of the registry.
	Seconds, RegistryCPU float64
	// Connections is the largest number of connections to the registry at the same time.
	Connections int
}
