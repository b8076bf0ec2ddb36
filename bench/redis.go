package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/openedx/learning"
)

// maxLen is the length to which every contender trims its stream.
const maxLen = 10_000

// pipelineLen is the number of commands in a pipeline, for contenders that choose
// it.
const pipelineLen = 512

// redisContests holds the connections of all contenders to one server.
type redisContests struct {
	addr     string
	registry *signalcast.Registry
	ours     *signalcast.Dispatcher
	bare     *goredis.Client
	rueidis  rueidis.Client
	peer     *redisstream.Publisher
	events   []learning.CourseEnrollmentEvent
}

func newRedisContests(ctx context.Context, addr string) (c *redisContests, err error) {
	c = &redisContests{addr: addr, events: newEvents()}
	backend, err := redis.New(redis.Config{URL: "redis://" + addr})
	if err != nil {
		return nil, err
	}
	if c.registry, c.ours, err = dispatch(ctx, backend, ours); err != nil {
		return nil, err
	}
	c.bare = goredis.NewClient(&goredis.Options{Addr: addr, PoolSize: 64, MaxRetries: -1})
	if c.rueidis, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true}); err != nil {
		return nil, err
	}
	c.peer, err = redisstream.NewPublisher(redisstream.PublisherConfig{
		Client:        goredis.NewClient(&goredis.Options{Addr: addr, PoolSize: 64}),
		Marshaller:    redisFields{},
		DefaultMaxlen: maxLen,
	}, nil)
	return c, err
}

func (c *redisContests) close(ctx context.Context) error {
	c.rueidis.Close()
	return errors.Join(c.ours.Close(ctx), c.peer.Close(), c.bare.Close())
}

// newContender returns a contender that writes to a stream with its name.
func (c *redisContests) newContender(name string, events int, run func(ctx context.Context, stream string, n int) error) contender {
	return contender{
		name: name, events: events,
		run:    func(ctx context.Context, n int) error { return run(ctx, name, n) },
		stored: func(ctx context.Context) (int, error) { return c.added(ctx, name) },
	}
}

func (c *redisContests) version(ctx context.Context) (string, error) {
	info, err := c.bare.InfoMap(ctx, "server").Result()
	return info["Server"]["redis_version"], err
}

// added returns the number of entries that were ever added to a stream.
func (c *redisContests) added(ctx context.Context, stream string) (int, error) {
	if n, err := c.bare.Exists(ctx, stream).Result(); err != nil || n == 0 {
		return 0, err
	}
	info, err := c.bare.XInfoStream(ctx, stream).Result()
	if err != nil {
		return 0, err
	}
	return int(info.EntriesAdded), nil
}

// async returns the contest in which one goroutine sends without waiting for each event.
func (c *redisContests) async(events int, python *python) contest {
	contenders := []contender{
		c.newContender(ours, events, c.sendAsync),
		c.newContender(rawSocket, events, c.writeRaw),
		c.newContender(bareRedis, events, c.pipelined(2, func(ctx context.Context, records []record, stream string) error {
			_, err := c.bare.Pipelined(ctx, addAll(ctx, records, stream))
			return err
		})),
		c.newContender(ordered, events, c.pipelined(1, func(ctx context.Context, records []record, stream string) error {
			_, err := c.bare.TxPipelined(ctx, addAll(ctx, records, stream))
			return err
		})),
		c.newContender(bareRueidis, events, c.pipelined(2, func(ctx context.Context, records []record, stream string) error {
			commands := make(rueidis.Commands, len(records))
			for i := range records {
				commands[i] = c.command(stream, &records[i])
			}
			for _, reply := range c.rueidis.DoMulti(ctx, commands...) {
				if err := reply.Error(); err != nil {
					return err
				}
			}
			return nil
		})),
		c.newContender(watermillLib, events/2, func(ctx context.Context, stream string, n int) error { return c.watermill(64, stream, n) }),
	}
	contenders = append(contenders, contender{name: reference, events: 1000, outside: python.redis}.storedIn(c, pythonTopic))
	return contest{
		name: redisAsync,
		about: "One goroutine sends to one stream of an append-only server and waits at the end. " +
			"Publish of watermill always waits, so 64 goroutines call it here. The Python reference always waits too. " +
			"go-redis and rueidis keep two pipelines in flight. Only signalcast and the line with transactions keep the order if the server rejects an entry.",
		contenders: contenders,
	}
}

// bounded returns the contest that compares the heaps of two numbers of events.
func (c *redisContests) bounded(events int) contest {
	return contest{
		name: loadContest, about: "Events are sent faster than the server stores them. Compare the largest heap.",
		contenders: []contender{
			c.newContender(someLoad, events, func(ctx context.Context, _ string, n int) error { return c.sendAsync(ctx, ours, n) }).storedIn(c, ours),
			c.newContender(muchLoad, 5*events, func(ctx context.Context, _ string, n int) error { return c.sendAsync(ctx, ours, n) }).storedIn(c, ours),
		},
	}
}

func (k contender) storedIn(c *redisContests, stream string) contender {
	k.stored = func(ctx context.Context) (int, error) { return c.added(ctx, stream) }
	return k
}

// sync returns the contest in which many goroutines wait for each event.
func (c *redisContests) sync(events int) contest {
	const callers = 64
	return contest{
		name: redisSync, about: "64 goroutines send to one stream. Each waits for every event.",
		contenders: []contender{
			c.newContender(ours, events, func(ctx context.Context, _ string, n int) error {
				return together(callers, n, func(_, i int) error {
					return learning.CourseEnrollmentCreated.Send(ctx, c.registry, c.events[i%len(c.events)])
				})
			}),
			c.newContender(bareRedis, events, func(ctx context.Context, stream string, n int) error {
				return together(callers, n, func(_, i int) error {
					r, err := encode(&c.events[i%len(c.events)])
					if err != nil {
						return err
					}
					return c.bare.Do(ctx, redisArguments(stream, &r)...).Err()
				})
			}),
			c.newContender(bareRueidis, events, func(ctx context.Context, stream string, n int) error {
				return together(callers, n, func(_, i int) error {
					r, err := encode(&c.events[i%len(c.events)])
					if err != nil {
						return err
					}
					return c.rueidis.Do(ctx, c.command(stream, &r)).Error()
				})
			}),
			c.newContender(watermillLib, events, func(_ context.Context, stream string, n int) error { return c.watermill(callers, stream, n) }),
		},
	}
}

func (c *redisContests) sendAsync(ctx context.Context, _ string, n int) error {
	before := c.ours.Stats().Failed
	for i := range n {
		if _, err := learning.CourseEnrollmentCreated.SendAsync(ctx, c.registry, c.events[i%len(c.events)]); err != nil {
			return err
		}
	}
	err := c.ours.Flush(ctx)
	if failed := c.ours.Stats().Failed - before; failed > 0 {
		err = fmt.Errorf("%d messages failed", failed)
	}
	return err
}

// addAll returns a function that adds a command for each record to a pipeline.
func addAll(ctx context.Context, records []record, stream string) func(goredis.Pipeliner) error {
	return func(p goredis.Pipeliner) error {
		for i := range records {
			_ = p.Process(ctx, goredis.NewStringCmd(ctx, redisArguments(stream, &records[i])...)) // adds the command and cannot fail
		}
		return nil
	}
}

// pipelined returns a function that encodes in one goroutine and keeps inFlight pipelines in flight.
func (c *redisContests) pipelined(
	inFlight int,
	write func(ctx context.Context, records []record, stream string) error,
) func(ctx context.Context, stream string, n int) error {
	return func(ctx context.Context, stream string, n int) error {
		full := make(chan []record)
		errs := make([]error, inFlight)
		var writers sync.WaitGroup
		for w := range errs {
			writers.Go(func() {
				for records := range full {
					errs[w] = errors.Join(errs[w], write(ctx, records, stream))
				}
			})
		}
		var err error
		for i := 0; i < n && err == nil; {
			records := make([]record, min(pipelineLen, n-i))
			for j := 0; j < len(records) && err == nil; j++ {
				records[j], err = encode(&c.events[i%len(c.events)])
				i++
			}
			full <- records
		}
		close(full)
		writers.Wait()
		return errors.Join(err, errors.Join(errs...))
	}
}

// The values of fields that are the same for every event.
const (
	eventSource = "openedx/bench/web"
	eventHost   = "bench-host"
	eventLib    = "1.0.0"
)

func redisArguments(stream string, r *record) []any {
	return []any{
		"XADD", stream, "MAXLEN", "~", maxLen, "*",
		"type", learning.CourseEnrollmentCreated.EventType(), "id", r.id, "source", eventSource, "time", r.time,
		"minorversion", 0, "sourcehost", eventHost, "sourcelib", eventLib, "event_data", r.value[framing:],
	}
}

func (c *redisContests) command(stream string, r *record) rueidis.Completed {
	return c.rueidis.B().Xadd().Key(stream).Maxlen().Almost().Threshold(strconv.Itoa(maxLen)).Id("*").FieldValue().
		FieldValue("type", learning.CourseEnrollmentCreated.EventType()).FieldValue("id", r.id).
		FieldValue("source", eventSource).FieldValue("time", r.time).FieldValue("minorversion", "0").
		FieldValue("sourcehost", eventHost).FieldValue("sourcelib", eventLib).
		FieldValue("event_data", rueidis.BinaryString(r.value[framing:])).Build()
}

func (c *redisContests) watermill(goroutines int, stream string, n int) error {
	return together(goroutines, n, func(_, i int) error {
		r, err := encode(&c.events[i%len(c.events)])
		if err != nil {
			return err
		}
		return c.peer.Publish(stream, watermillMessage(&r))
	})
}

func watermillMessage(r *record) *message.Message {
	m := message.NewMessage(r.id, r.value)
	m.Metadata.Set("time", r.time)
	m.Metadata.Set("key", string(r.key))
	return m
}

// redisFields is a marshaller of watermill that writes the fields of the event bus.
type redisFields struct{}

func (redisFields) Marshal(_ string, m *message.Message) (map[string]any, error) {
	return map[string]any{
		"type": learning.CourseEnrollmentCreated.EventType(), "id": m.UUID, "source": eventSource,
		"time": m.Metadata.Get("time"), "minorversion": 0, "sourcehost": eventHost, "sourcelib": eventLib,
		"event_data": []byte(m.Payload[framing:]),
	}, nil
}

// writeRaw writes hand-encoded commands to a socket and only checks that the
// replies are not errors. It shows how fast the server is.
func (c *redisContests) writeRaw(ctx context.Context, stream string, n int) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	head := "*22\r\n" + bulk("XADD") + bulk(stream) + bulk("MAXLEN") + bulk("~") + bulk(strconv.Itoa(maxLen)) + bulk("*") +
		bulk("type") + bulk(learning.CourseEnrollmentCreated.EventType()) + bulk("source") + bulk(eventSource) +
		bulk("minorversion") + bulk("0") + bulk("sourcehost") + bulk(eventHost) + bulk("sourcelib") + bulk(eventLib) + bulk("id")
	const between = 64 // commands per write
	inFlight, replies := make(chan int, 1024/between), make(chan error, 1)
	go func() { replies <- readRaw(bufio.NewReaderSize(conn, 64<<10), inFlight) }()
	var b []byte
	for i := 0; i < n && err == nil; {
		count := min(between, n-i)
		b = b[:0]
		for range count {
			var r record
			if r, err = encode(&c.events[i%len(c.events)]); err != nil {
				break
			}
			b = append(b, head...)
			b = appendBulk(b, r.id)
			b = appendBulk(append(b, "$4\r\ntime\r\n"...), r.time)
			b = appendBulk(append(b, "$10\r\nevent_data\r\n"...), string(r.value[framing:]))
			i++
		}
		inFlight <- count
		if err == nil {
			_, err = conn.Write(b)
		}
	}
	close(inFlight)
	return errors.Join(err, <-replies)
}

func readRaw(r *bufio.Reader, counts <-chan int) (err error) {
	for count := range counts {
		for range 2 * count { // each reply has two lines: the length of the ID and the ID
			var line []byte
			if err == nil {
				line, err = r.ReadSlice('\n')
			}
			if err == nil && line[0] == '-' {
				err = fmt.Errorf("found reply %q", line)
			}
		}
	}
	return err
}

func bulk(s string) string { return string(appendBulk(nil, s)) }

func appendBulk(b []byte, s string) []byte {
	b = strconv.AppendInt(append(b, '$'), int64(len(s)), 10)
	b = append(b, "\r\n"...)
	b = append(b, s...)
	return append(b, "\r\n"...)
}
