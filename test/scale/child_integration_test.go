//go:build integration

package scale_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test binary runs as a child, a process that holds the clients to measure, if this variable is set. The memory, goroutines,
// descriptors and processor time of the child are those of the clients alone.
const childVariable = "SIGNALCAST_TEST_SCALE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	if err := serveOrders(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// order is one line that the child reads from its standard input. An order with neither asks only what the child uses.
type order struct {
	// Open adds clients.
	Open *clients
	// Load sends events.
	Load *load
}

// clients are what a child adds.
type clients struct {
	Kind     string // producers, consumers or relays
	Bus      string
	Servers  []string
	Registry string
	Topics   []string
	Group    string
	Database string
	// N is their number. First is the number of the first relay, which names its table.
	First, N int
	// Pipelines is the setting of the Redis backend.
	Pipelines int
}

// load is a rate of events, in total. A rate of 0 is as fast as possible.
type load struct {
	Rate, Seconds float64
}

// answer is the line with which the child replies to each order.
type answer struct {
	Err string

	Goroutines, Descriptors int
	Heap, Stacks            uint64
	CPU, CollectedCPU       float64 // processor seconds so far: before and after the garbage collection that Heap needs
	Writes                  float64 // requests to Redis that carried events, so far

	Events, Failed             int
	Seconds, Mean, Median, P99 float64
	Quantiles                  []float64
}

func serveOrders() error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	runtime.GOMAXPROCS(runtime.NumCPU() + 1) // one more for the thread that pauses between events
	held := &holder{}
	defer held.close()
	in := json.NewDecoder(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			return nil // the test has ended
		}
		var a answer
		var err error
		switch {
		case o.Open != nil:
			err = held.open(ctx, *o.Open)
		case o.Load != nil:
			a, err = held.load(ctx, *o.Load)
		}
		if err != nil {
			a.Err = err.Error()
		}
		a.addUsage()
		a.Writes = float64(held.writes.Load())
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

// addUsage sets what the process uses.
func (a *answer) addUsage() {
	a.CPU = ownTime()
	runtime.GC()
	runtime.GC()
	a.CollectedCPU = ownTime()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	a.Heap, a.Stacks, a.Goroutines = m.HeapAlloc, m.StackInuse, runtime.NumGoroutine()
	open, _ := os.ReadDir("/proc/self/fd")
	a.Descriptors = len(open) - 1 // reading the folder needs one
}

// ownTime returns the processor time of this process, in seconds.
func ownTime() float64 {
	var of syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &of)
	return seconds(of.Utime) + seconds(of.Stime)
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

// child is a running child.
type child struct {
	t    *testing.T
	in   *json.Encoder
	out  *json.Decoder
	stop func()
}

func startChild(t *testing.T) *child {
	t.Helper()
	command := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
	command.Env, command.Stderr = append(os.Environ(), childVariable+"=1"), os.Stderr
	in, err := command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	stop := sync.OnceFunc(func() {
		_ = in.Close() // ends the child
		late := time.AfterFunc(20*time.Second, func() { _ = command.Process.Kill() })
		defer late.Stop()
		_ = command.Wait()
	})
	t.Cleanup(stop)
	return &child{t, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out)), stop}
}

// do sends an order and returns the answer.
func (c *child) do(o order) answer {
	c.t.Helper()
	require.NoError(c.t, c.in.Encode(o))
	var a answer
	require.NoError(c.t, c.out.Decode(&a))
	require.Empty(c.t, a.Err)
	return a
}

// usage returns what the child uses at present.
func (c *child) usage() answer {
	c.t.Helper()
	return c.do(order{})
}
