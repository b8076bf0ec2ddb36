package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	riverLib   = "River"
	riverTable = "river_job"
)

// outboxPeers holds the tables of other libraries: a queue of River, and a topic of watermill's forwarder.
type outboxPeers struct {
	*outboxContests

	name   string
	jobs   *river.Client[pgx.Tx]
	schema watermillsql.DefaultPostgreSQLSchema
}

// newPeers returns peers with new tables. The name is that of the queue and of the topic.
func (c *outboxContests) newPeers(ctx context.Context, name string) (*outboxPeers, error) {
	p := &outboxPeers{outboxContests: c, name: name}
	driver := riverpgxv5.New(c.pool)
	quiet := slog.New(slog.DiscardHandler)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	if p.jobs, err = river.NewClient(driver, &river.Config{SkipUnknownJobCheck: true, Logger: quiet}); err != nil {
		return nil, err
	}
	p.schema = watermillsql.DefaultPostgreSQLSchema{
		GeneratePayloadType: func(string) string { return "bytea" },
		SubscribeBatchSize:  1000, // as the relay
	}
	s, err := p.newSubscriber()
	if err != nil {
		return nil, err
	}
	return p, errors.Join(s.SubscribeInitialize(name), s.Close())
}

// table returns the table of watermill.
func (p *outboxPeers) table() string { return p.schema.MessagesTable(p.name) }

// queued returns the rows of the queue of River.
func (p *outboxPeers) queued() string { return riverTable + " where queue = '" + p.name + "'" }

// job is an event as a job of River.
type job struct {
	ID    string `json:"id"`
	Time  string `json:"time"`
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// Kind implements [river.JobArgs].
func (job) Kind() string { return "enrollment" }

func (p *outboxPeers) newJob(i int) (job, error) {
	r, err := encode(&p.events[i%len(p.events)])
	return job{r.id, r.time, r.key[framing:], r.value[framing:]}, err
}

func (p *outboxPeers) insertJob(ctx context.Context, tx pgx.Tx, i int) error {
	j, err := p.newJob(i)
	if err != nil {
		return err
	}
	_, err = p.jobs.InsertTx(ctx, tx, j, &river.InsertOpts{Queue: p.name})
	return err
}

// fillJobs replaces the jobs by n new ones.
func (p *outboxPeers) fillJobs(ctx context.Context, n int) error {
	if err := p.exec(ctx, "truncate "+riverTable); err != nil {
		return err
	}
	const together = 5000
	params := make([]river.InsertManyParams, 0, together)
	for i := range n {
		j, err := p.newJob(i)
		if err != nil {
			return err
		}
		params = append(params, river.InsertManyParams{Args: j, InsertOpts: &river.InsertOpts{Queue: p.name}})
		if len(params) == together || i == n-1 {
			if _, err := p.jobs.InsertManyFast(ctx, params); err != nil {
				return err
			}
			params = params[:0]
		}
	}
	return p.exec(ctx, "vacuum analyze "+riverTable, "checkpoint")
}

// idleWorker counts jobs and does nothing else.
type idleWorker struct {
	river.WorkerDefaults[job]

	worked atomic.Int64
}

func (w *idleWorker) Work(context.Context, *river.Job[job]) error {
	w.worked.Add(1)
	return nil
}

// workJobs starts River and returns when n jobs are completed.
func (p *outboxPeers) workJobs(ctx context.Context, worker *idleWorker, n int) (stop func() error, err error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	client, err := river.NewClient(riverpgxv5.New(p.pool), &river.Config{
		Queues: map[string]river.QueueConfig{p.name: {MaxWorkers: 2000}}, Workers: workers,
		FetchCooldown: 2 * time.Millisecond, FetchPollInterval: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	target := worker.worked.Load() + int64(n)
	if err := client.Start(ctx); err != nil {
		return nil, err
	}
	stop = func() error { return client.Stop(context.WithoutCancel(ctx)) }
	if err := until(ctx, func() bool { return worker.worked.Load() >= target }); err != nil {
		return stop, err
	}
	var failure error
	err = until(ctx, func() bool { // River notes completed jobs in batches
		var open bool
		failure = p.pool.QueryRow(ctx, "select exists(select from "+riverTable+" where state in ('available', 'running'))").Scan(&open)
		return failure != nil || !open
	})
	return stop, errors.Join(err, failure)
}

// publishIn publishes event i for the forwarder, in a transaction.
func (p *outboxPeers) publishIn(tx pgx.Tx, i int) error {
	r, err := encode(&p.events[i%len(p.events)])
	if err != nil {
		return err
	}
	publisher, err := watermillsql.NewPublisher(watermillsql.TxFromPgx(tx), watermillsql.PublisherConfig{SchemaAdapter: p.schema}, nil)
	if err != nil {
		return err
	}
	return forwarder.NewPublisher(publisher, forwarder.PublisherConfig{ForwarderTopic: p.name}).Publish("topic", watermillMessage(&r))
}

// fillTopic replaces the messages for the forwarder by n new ones for a topic.
func (p *outboxPeers) fillTopic(ctx context.Context, topic string, n int) error {
	offsets := watermillsql.DefaultPostgreSQLOffsetsAdapter{}.MessagesOffsetsTable(p.name)
	if err := p.exec(ctx, "truncate "+p.table(), "truncate "+offsets); err != nil {
		return err
	}
	publisher, err := watermillsql.NewPublisher(watermillsql.BeginnerFromPgx(p.pool), watermillsql.PublisherConfig{SchemaAdapter: p.schema}, nil)
	if err != nil {
		return err
	}
	to := forwarder.NewPublisher(publisher, forwarder.PublisherConfig{ForwarderTopic: p.name})
	const each = 10 // messages in a transaction
	err = together(8, (n+each-1)/each, func(_, i int) error {
		var messages []*message.Message
		for j := i * each; j < min(n, (i+1)*each); j++ {
			r, err := encode(&p.events[j%len(p.events)])
			if err != nil {
				return err
			}
			messages = append(messages, watermillMessage(&r))
		}
		return to.Publish(topic, messages...)
	})
	if err != nil {
		return err
	}
	return p.exec(ctx, "vacuum analyze "+p.table(), "vacuum analyze "+offsets, "checkpoint")
}

func (p *outboxPeers) newSubscriber() (*watermillsql.Subscriber, error) {
	return watermillsql.NewSubscriber(watermillsql.BeginnerFromPgx(p.pool), watermillsql.SubscriberConfig{
		SchemaAdapter: p.schema, OffsetsAdapter: watermillsql.DefaultPostgreSQLOffsetsAdapter{}, PollInterval: time.Millisecond,
	}, nil)
}

// forward starts watermill's forwarder and returns when it has published n messages.
func (p *outboxPeers) forward(ctx context.Context, to message.Publisher, n int) (stop func() error, err error) {
	s, err := p.newSubscriber()
	if err != nil {
		return nil, err
	}
	counted := &countedPublisher{Publisher: to}
	f, err := forwarder.NewForwarder(s, counted, nil, forwarder.Config{ForwarderTopic: p.name})
	if err != nil {
		return nil, err
	}
	ended := start(ctx, f.Run)
	stop = func() error { return errors.Join(f.Close(), ended()) }
	return stop, until(ctx, func() bool { return counted.published.Load() >= int64(n) })
}

// countedPublisher counts messages. Close does nothing, so that the publisher serves several forwarders.
type countedPublisher struct {
	message.Publisher

	published atomic.Int64
}

func (c *countedPublisher) Publish(topic string, messages ...*message.Message) error {
	err := c.Publisher.Publish(topic, messages...)
	if err == nil {
		c.published.Add(int64(len(messages)))
	}
	return err
}

func (c *countedPublisher) Close() error { return nil }

// discardPublisher is a publisher of watermill that counts messages.
type discardPublisher struct{ published atomic.Int64 }

func (d *discardPublisher) Publish(_ string, messages ...*message.Message) error {
	d.published.Add(int64(len(messages)))
	return nil
}

func (d *discardPublisher) Close() error { return nil }

func (d *discardPublisher) stored(context.Context) (int, error) { return int(d.published.Load()), nil }
