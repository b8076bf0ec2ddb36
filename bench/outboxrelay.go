package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/openedx/keys"
	"github.com/signalcast/signalcast/openedx/learning"
)

// The names of contenders.
const (
	fromMemory      = "without the outbox"
	fromMemoryFranz = "without the outbox, franz-go"
	fromMemoryKafka = "without the outbox, kafka-go"
	openTransaction = "a transaction is open"
	manyPending     = "many rows are pending"
)

const relayed = "Rows that were stored before are published and deleted. "

// toRedis returns the contest that publishes stored events to Redis.
func (c *outboxContests) toRedis(ctx context.Context, addr string, events int) (contest, error) {
	result := contest{name: outboxRedis, about: relayed + "The second line is the same backend with events that one goroutine sends. " +
		"watermill's forwarder publishes one message at a time."}
	r, err := newRedisContests(ctx, addr)
	if err != nil {
		return result, err
	}
	c.closers = append(c.closers, r.close)
	backend, err := redis.New(redis.Config{URL: "redis://" + addr})
	if err != nil {
		return result, err
	}
	c.closers = append(c.closers, backend.Close)
	table, err := c.newTable(ctx, "to_redis", "relayed", false)
	if err != nil {
		return result, err
	}
	peers, err := c.newPeers(ctx, "to_redis")
	if err != nil {
		return result, err
	}
	result.contenders = []contender{
		prepared(ours, events, table.fill, func(ctx context.Context, n int) (func() error, error) {
			return table.relay(ctx, backend, n)
		}, nil).storedIn(r, "relayed"),
		r.newContender(fromMemory, events, r.sendAsync).storedIn(r, ours),
		prepared(watermillLib, events/10, func(ctx context.Context, n int) error { return peers.fillTopic(ctx, "forwarded", n) },
			func(ctx context.Context, n int) (func() error, error) { return peers.forward(ctx, r.peer, n) }, nil).storedIn(r, "forwarded"),
	}
	return result, nil
}

// toKafka returns the contest that publishes stored events to Kafka.
func (c *outboxContests) toKafka(ctx context.Context, broker, registry string, events int) (contest, error) {
	result := contest{name: outboxKafka, about: relayed + "The lines without the outbox are the same backends with events that one goroutine sends. " +
		"watermill's forwarder publishes one message at a time. Each topic has one partition."}
	k, err := newKafkaContests(broker, registry)
	if err != nil {
		return result, err
	}
	c.closers = append(c.closers, k.close)
	peers, err := c.newPeers(ctx, "to_kafka")
	if err != nil {
		return result, err
	}
	open := map[string]func() (signalcast.Backend, error){
		oursFranz: func() (signalcast.Backend, error) {
			return franz.New(franz.Config{Brokers: k.brokers, SchemaRegistry: k.registry})
		},
		oursKafka: func() (signalcast.Backend, error) {
			return kafka.New(kafka.Config{Brokers: k.brokers, SchemaRegistry: k.registry})
		},
	}
	add := func(name, topic string, n int, from contender) error {
		at, err := k.newContender(ctx, name, topic, 1, n, from.run)
		at.outside = from.outside
		result.contenders = append(result.contenders, at)
		return err
	}
	for i, names := range [][2]string{{oursFranz, fromMemoryFranz}, {oursKafka, fromMemoryKafka}} {
		relay, memory := fmt.Sprintf("relayed-%d", i), fmt.Sprintf("memory-%d", i)
		table, err := c.newTable(ctx, fmt.Sprintf("to_kafka%d", i), relay, false)
		if err != nil {
			return result, err
		}
		to, err := open[names[0]]()
		if err != nil {
			return result, err
		}
		c.closers = append(c.closers, to.Close)
		if err := add(names[0], relay, events, prepared("", 0, table.fill, func(ctx context.Context, n int) (func() error, error) {
			return table.relay(ctx, to, n)
		}, nil)); err != nil {
			return result, err
		}
		other, err := open[names[0]]()
		if err != nil {
			return result, err
		}
		if err := add(names[1], memory, events, contender{}); err != nil {
			return result, err
		}
		async, _, err := k.signalcast(ctx, other, memory)
		if err != nil {
			return result, err
		}
		result.contenders[len(result.contenders)-1].run = func(ctx context.Context, n int) error { return async(ctx, n, 0) }
	}
	publisher, err := k.publisher()
	if err != nil {
		return result, err
	}
	return result, add(watermillLib, "forwarded", events/20, prepared("", 0,
		func(ctx context.Context, n int) error { return peers.fillTopic(ctx, "forwarded", n) },
		func(ctx context.Context, n int) (func() error, error) { return peers.forward(ctx, publisher, n) }, nil))
}

// discarded returns the contest that publishes stored events to a backend that discards them.
func (c *outboxContests) discarded(ctx context.Context, events int) (contest, error) {
	result := contest{name: outboxDiscard, about: relayed + "They are discarded. " +
		"River works as many jobs that do nothing, and watermill's forwarder discards as many messages."}
	table, err := c.newTable(ctx, "discarded", "topic", false)
	if err != nil {
		return result, err
	}
	peers, err := c.newPeers(ctx, "discarded")
	if err != nil {
		return result, err
	}
	worker, publisher := &idleWorker{}, &discardPublisher{}
	result.contenders = []contender{
		table.discarding(ours, events, table.fill),
		prepared(riverLib, events/6, peers.fillJobs, func(ctx context.Context, n int) (func() error, error) {
			return peers.workJobs(ctx, worker, n)
		}, func(context.Context) (int, error) { return int(worker.worked.Load()), nil }),
		prepared(watermillLib, events/6, func(ctx context.Context, n int) error { return peers.fillTopic(ctx, "topic", n) },
			func(ctx context.Context, n int) (func() error, error) { return peers.forward(ctx, publisher, n) }, publisher.stored),
	}
	return result, nil
}

// discarding returns a contender whose relay discards events.
func (t *outboxTable) discarding(name string, events int, prepare func(ctx context.Context, n int) error) contender {
	b := &counter{}
	return prepared(name, events, prepare, func(ctx context.Context, n int) (func() error, error) {
		b.room.Store(int64(n))
		return t.relay(ctx, b, n)
	}, b.stored)
}

// hindered returns the contest in which the table makes work for the relay.
func (c *outboxContests) hindered(ctx context.Context, events, pending int) (contest, error) {
	result := contest{name: outboxHindered, about: fmt.Sprintf("%sThey are discarded. In the second line, a transaction is open that has a snapshot from before and an event "+
		"with a smaller sequence. In the third line, %s rows are pending, and the relay publishes a part of them.", relayed, figure(float64(pending)))}
	plain, err := c.newTable(ctx, "hindered", "topic", false)
	if err != nil {
		return result, err
	}
	open, err := c.newTable(ctx, "hindered_open", "topic", false)
	if err != nil {
		return result, err
	}
	many, err := c.newTable(ctx, "hindered_many", "topic", false)
	if err != nil {
		return result, err
	}
	var tx pgx.Tx
	held := open.discarding(openTransaction, events, func(ctx context.Context, n int) (err error) {
		if err := open.clear(ctx); err != nil {
			return err
		}
		if tx, err = open.hold(ctx); err != nil {
			return err
		}
		return open.add(ctx, n)
	})
	work := held.outside
	held.outside = func(ctx context.Context, n int) (sample, error) {
		s, err := work(ctx, n)
		if tx != nil {
			err = errors.Join(err, tx.Rollback(ctx))
		}
		return s, err
	}
	result.contenders = []contender{
		plain.discarding(ours, events, plain.fill), held,
		many.discarding(manyPending, events, func(ctx context.Context, _ int) error { return many.fill(ctx, pending) }),
	}
	return result, nil
}

// hold begins a transaction with a snapshot and an event of its own, which has a sequence.
func (t *outboxTable) hold(ctx context.Context) (pgx.Tx, error) {
	tx, err := t.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return nil, err
	}
	bound, unit := t.store.Join(ctx, tx)
	event := t.events[0]
	event.Enrollment.Course.CourseKey = keys.CourseKey("course-v1:edX+DemoX+open")
	err = learning.CourseEnrollmentCreated.Send(bound, t.registry, event)
	if err == nil {
		err = unit.Write(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, tx.Rollback(ctx), unit.End(err))
	}
	return heldTx{tx, unit.End}, nil
}

// heldTx ends the unit of a transaction with it.
type heldTx struct {
	pgx.Tx

	end func(error) error
}

func (h heldTx) Rollback(ctx context.Context) error {
	return errors.Join(h.Tx.Rollback(ctx), h.end(signalcast.ErrRolledBack))
}
