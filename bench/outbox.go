package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/learning"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
)

// outboxContests holds the connections to one PostgreSQL server.
type outboxContests struct {
	pool    *pgxpool.Pool
	events  []learning.CourseEnrollmentEvent
	closers []func(context.Context) error
}

func newOutboxContests(ctx context.Context, url string) (*outboxContests, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 32
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	c := &outboxContests{pool: pool, events: newEvents()}
	c.closers = append(c.closers, func(context.Context) error { pool.Close(); return nil })
	return c, nil
}

// close closes what was opened last first.
func (c *outboxContests) close(ctx context.Context) error {
	var errs []error
	for i := len(c.closers) - 1; i >= 0; i-- {
		errs = append(errs, c.closers[i](ctx))
	}
	return errors.Join(errs...)
}

func (c *outboxContests) version(ctx context.Context) (version string, err error) {
	err = c.pool.QueryRow(ctx, "show server_version").Scan(&version)
	return version, err
}

// exec executes statements outside of the measured time.
func (c *outboxContests) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := c.pool.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func (c *outboxContests) count(ctx context.Context, from string) (n int, err error) {
	err = c.pool.QueryRow(ctx, "select count(*) from "+from).Scan(&n)
	return n, err
}

// outboxTable is a store with tables of its own, and a registry whose enrollment events it stores for one topic.
type outboxTable struct {
	*outboxContests

	name     string
	store    *postgres.Store
	registry *signalcast.Registry
}

// newTable returns a store with new tables. Further stores of the tables have the same name.
func (c *outboxContests) newTable(ctx context.Context, name, topic string, notify bool) (*outboxTable, error) {
	store, err := postgres.New(postgres.Config{Pool: c.pool, Table: name, Notify: notify})
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, func(context.Context) error { store.Close(); return nil })
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	t := &outboxTable{outboxContests: c, name: name, store: store}
	if t.registry, err = newRegistry(); err != nil {
		return nil, err
	}
	config := signalcast.ProducerConfig{learning.CourseEnrollmentCreated.EventType(): {
		topic: {EventKeyField: new(keyField), Enabled: new(true), Mode: new(signalcast.ModeOutbox)},
	}}
	d, err := signalcast.NewDispatcher(ctx, t.registry, config, discard{}, signalcast.WithOutbox(store))
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, d.Close)
	return t, nil
}

// send sends event i on its own.
func (t *outboxTable) send(ctx context.Context, i int) error {
	return learning.CourseEnrollmentCreated.Send(ctx, t.registry, t.events[i%len(t.events)])
}

// rowColumns are the columns of a row that are not generated.
const rowColumns = "event_id, event_time, minor_version, key_schema, value_schema, lane, topic, event_type, source, source_host, source_lib," +
	" content_type, key, value"

// fill adds rows to the table until n are pending.
func (t *outboxTable) fill(ctx context.Context, n int) error {
	pending, err := t.count(ctx, t.name)
	if err == nil && pending == 0 {
		err = t.clear(ctx)
	}
	if err != nil {
		return err
	}
	return t.add(ctx, n-pending)
}

// clear removes all rows, and those that are deleted. The first call sends the events of which add makes copies.
func (t *outboxTable) clear(ctx context.Context) error {
	model := t.name + "_model"
	var known bool
	if err := t.pool.QueryRow(ctx, "select to_regclass($1) is not null", model).Scan(&known); err != nil {
		return err
	}
	if !known {
		for i := range t.events {
			if err := t.send(ctx, i); err != nil {
				return err
			}
		}
		if err := t.exec(ctx, "create table "+model+" as select * from "+t.name); err != nil {
			return err
		}
	}
	return t.exec(ctx, "truncate "+t.name)
}

// add adds n rows.
func (t *outboxTable) add(ctx context.Context, n int) error {
	// The order by depends on g, so that the copies of all events take turns.
	insert := fmt.Sprintf("insert into %s (%s) select %s from generate_series(1, $1) as g cross join lateral"+
		" (select * from %s order by sequence + 0 * g) as m limit $2", t.name, rowColumns, rowColumns, t.name+"_model")
	if _, err := t.pool.Exec(ctx, insert, n/len(t.events)+1, n); err != nil {
		return err
	}
	return t.exec(ctx, "vacuum analyze "+t.name, "checkpoint")
}

// relay starts a relay to b and returns when it has deleted n rows. stop stops the relay.
func (t *outboxTable) relay(ctx context.Context, b signalcast.Backend, n int) (stop func() error, err error) {
	r, err := outbox.NewRelay(t.store, b, outbox.Config{})
	if err != nil {
		return nil, err
	}
	stop = start(ctx, r.Run)
	return stop, until(ctx, func() bool { return r.Stats().Deleted >= int64(n) })
}

// start calls run on a goroutine. stop ends its context and waits.
func start(ctx context.Context, run func(context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// errTooSlow means that work did not end in time.
var errTooSlow = errors.New("found work unfinished after 5 minutes")

// until looks each millisecond whether done returns true.
func until(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, errTooSlow)
	defer cancel()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for !done() {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// counter is a backend that acknowledges a number of messages at once and has no room for more.
type counter struct {
	discard

	room, total atomic.Int64
}

func (c *counter) Publish(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if c.room.Add(-1) < 0 {
		return signalcast.ErrBufferFull
	}
	c.total.Add(1)
	done(signalcast.Receipt{}, nil)
	return nil
}

func (c *counter) stored(context.Context) (int, error) { return int(c.total.Load()), nil }

// prepared returns a contender that prepares each round outside of the measured time. work returns when all events are
// acknowledged, and a function that ends what it started.
func prepared(
	name string, events int, prepare func(ctx context.Context, n int) error, work func(ctx context.Context, n int) (stop func() error, err error),
	stored func(ctx context.Context) (int, error),
) contender {
	return contender{name: name, events: events, stored: stored, outside: func(ctx context.Context, n int) (s sample, err error) {
		if err := prepare(ctx, n); err != nil {
			return s, err
		}
		var stop func() error
		s, err = cost(n, func() (err error) {
			stop, err = work(ctx, n)
			return err
		})
		if stop != nil {
			err = errors.Join(err, stop())
		}
		return s, err
	}}
}
