package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/safelog"
)

// Config configures a [Relay]. The zero Config is valid.
type Config struct {
	// Holder names the relay in the lease. It must differ between the relays of a store. The
	// default is made of the host name, the process ID and random text.
	Holder string
	// Lease is the time that the lease lasts without being renewed. After a crash, another relay
	// starts that much later. The default is 15 s, the least 1 s.
	Lease time.Duration
	// Poll is the time between two looks for rows if nothing wakes the relay. The default is 1 s.
	Poll time.Duration
	// Linger is the least time between two reads while rows arrive, so that a busy
	// database is read less often. The first row after a pause is read at once. The default is
	// 10 ms. Negative means 0.
	Linger time.Duration
	// Batch is the most rows of one read. The default is 1000.
	Batch int
	// MaxInFlight is the most messages in the backend without an outcome. The relay also stops publishing while as many
	// acknowledged rows wait to be deleted. It bounds the messages that are published again after a crash. It
	// should not exceed the backend's buffer. The default is 5000.
	MaxInFlight int
	// MinBackoff and MaxBackoff bound the time before a failed row is published again. The
	// defaults are 100 ms and 30 s.
	MinBackoff, MaxBackoff time.Duration
	// Attempts is the number of failed attempts after which a row is parked. An attempt counts only if another row of the
	// topic was delivered since the end of the attempt before, or during the first one. The default is 8.
	Attempts int
	// Drain is how long Run waits for the outcomes of messages in flight after its context has ended. The
	// default is 10 s.
	Drain time.Duration
	// Logger gets changes of state and errors. It never gets event data or keys. The default
	// discards everything.
	Logger *slog.Logger
	// Hooks are called when something has happened.
	Hooks Hooks
}

// Hooks are functions that a [Relay] calls on its own goroutine. Each may be nil. They must
// return soon, must not wait for Run, and must not change the row. A panic of a hook is recovered and logged.
type Hooks struct {
	// Delivered is called for each message that the broker acknowledged, in the order of each lane.
	Delivered func(row Row, r signalcast.Receipt)
	// Failed is called for each failed attempt.
	Failed func(row Row, err error)
	// Parked is called for each row that was parked.
	Parked func(row Row, err error)
	// Leading is called when the relay has taken the lease, with true, and when it has lost or
	// released it.
	Leading func(leading bool)
}

// Relay publishes the rows of a store. All methods are safe for concurrent use.
type Relay struct {
	store   Store
	backend signalcast.Backend
	config  Config
	log     *slog.Logger

	running  atomic.Bool
	faults   faults
	counters counters
}

// ErrRunning means that Run was called while another Run of the relay was working.
var ErrRunning = errors.New("relay is running")

// ConfigError reports a setting of a [Config] that is not valid.
type ConfigError struct {
	// Setting is the name of the field.
	Setting string
	// Found says what was found, and Want what is allowed.
	Found, Want string
}

// Error returns the fault on one line.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("outbox: %s: found %s; want %s", e.Setting, e.Found, e.Want)
}

// NewRelay returns a relay from s to b. It does not access the database or the broker. The caller
// owns both, and closes them after Run has returned.
func NewRelay(s Store, b signalcast.Backend, c Config) (*Relay, error) {
	switch {
	case s == nil:
		return nil, &ConfigError{"store", "nil", "the store of the messages"}
	case b == nil:
		return nil, &ConfigError{"backend", "nil", "the backend to publish to"}
	}
	if err := c.setDefaults(); err != nil {
		return nil, err
	}
	r := &Relay{store: s, backend: b, config: c}
	r.log = safelog.New(c.Logger, func() {})
	return r, nil
}

func (c *Config) setDefaults() error {
	for _, d := range []struct {
		name         string
		value        *time.Duration
		least, usual time.Duration
	}{
		{"Lease", &c.Lease, time.Second, 15 * time.Second},
		{"Poll", &c.Poll, time.Millisecond, time.Second},
		{"MinBackoff", &c.MinBackoff, time.Millisecond, 100 * time.Millisecond},
		{"MaxBackoff", &c.MaxBackoff, time.Millisecond, 30 * time.Second},
		{"Drain", &c.Drain, time.Millisecond, 10 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.usual
		}
		if *d.value < d.least {
			want := "at least " + d.least.String() + ", or 0 for the default"
			return &ConfigError{d.name, d.value.String(), want}
		}
	}
	switch {
	case c.Linger == 0:
		c.Linger = 10 * time.Millisecond
	case c.Linger < 0:
		c.Linger = 0
	}
	for _, n := range []struct {
		name  string
		value *int
		usual int
	}{{"Batch", &c.Batch, 1000}, {"MaxInFlight", &c.MaxInFlight, 5000}, {"Attempts", &c.Attempts, 8}} {
		if *n.value == 0 {
			*n.value = n.usual
		}
		if *n.value < 0 {
			return &ConfigError{n.name, strconv.Itoa(*n.value), "a positive number, or 0 for the default"}
		}
	}
	if c.Holder == "" {
		host, _ := os.Hostname()
		c.Holder = fmt.Sprintf("%s-%d-%.8s", host, os.Getpid(), rand.Text())
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Run publishes rows until ctx ends, while the relay has the lease of the store. Without the lease it
// stands by. Errors of the database are logged, and Run tries again. When ctx has ended, Run waits for the
// outcomes of messages in flight, at most Config.Drain, and releases the lease. What has no outcome then is
// published again by the next relay.
//
// Run returns nil after ctx has ended. It returns [signalcast.ErrClosed] if it publishes a row and the backend is
// closed, a [*SchemaError] if the tables of the store have another version, and ErrRunning if it
// runs already.
func (r *Relay) Run(ctx context.Context) error {
	if !r.running.CompareAndSwap(false, true) {
		return ErrRunning
	}
	defer r.running.Store(false)
	prepared, standby := false, false
	for {
		if !prepared {
			err := r.store.Prepare(ctx, nil)
			if schema, ok := errors.AsType[*SchemaError](err); ok {
				return schema
			}
			if prepared = err == nil; !prepared {
				r.report(ctx, checkTables, err)
			}
		}
		start := time.Now()
		lease, err := r.store.Acquire(ctx, r.config.Holder, r.config.Lease)
		switch {
		case err == nil:
			standby = false
			r.works(checkTables, takeLease, renewLease, releaseLease, readRows, readLaneRows, writeRows)
			if err := r.lead(ctx, lease, start); err != nil {
				return err
			}
		case errors.Is(err, ErrLeaseLost):
			if !standby {
				standby = true
				r.log.LogAttrs(ctx, slog.LevelInfo, "relay stands by", slog.String("holder", lease.Holder))
			}
		default:
			r.report(ctx, takeLease, err)
		}
		if !r.sleep(ctx, r.config.Lease/5) {
			return nil
		}
	}
}

// lead publishes rows until ctx ends or the lease is lost.
func (r *Relay) lead(ctx context.Context, lease Lease, acquired time.Time) error {
	r.log.LogAttrs(ctx, slog.LevelInfo, "relay has the lease", slog.String("holder", lease.Holder), slog.Int64("token", lease.Token))
	r.counters.leading.Store(true)
	r.call("Leading", func() {
		if hook := r.config.Hooks.Leading; hook != nil {
			hook(true)
		}
	})
	err := newTerm(r, lease).run(ctx, acquired)
	r.counters.leading.Store(false)
	r.counters.inFlight.Store(0)
	r.counters.heldLanes.Store(0)
	r.call("Leading", func() {
		if hook := r.config.Hooks.Leading; hook != nil {
			hook(false)
		}
	})
	return err
}

// backoff returns the time to wait after n failures.
func (r *Relay) backoff(n int) time.Duration {
	wait := r.config.MinBackoff
	for range n - 1 {
		if wait *= 2; wait >= r.config.MaxBackoff {
			break
		}
	}
	return min(wait, r.config.MaxBackoff)
}

// sleep waits, and reports false if ctx has ended.
func (r *Relay) sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// call calls a hook and recovers its panic. The text of the panic may hold event data.
func (r *Relay) call(name string, hook func()) {
	defer func() {
		if p := recover(); p != nil {
			r.log.LogAttrs(context.Background(), slog.LevelError, "hook panicked",
				slog.String("hook", name), slog.String("panic_type", fmt.Sprintf("%T", p)))
		}
	}()
	hook()
}
