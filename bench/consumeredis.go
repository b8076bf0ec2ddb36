package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	goredis "github.com/redis/go-redis/v9"

	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
)

// consumed is the stream that every contender reads, with a new group in each round.
const consumed = "consumed"

// batchLen is the number of entries of a read.
const batchLen = 1000

// consumeContest returns the contest that reads a stream. It fills the stream.
func (c *redisContests) consumeContest(ctx context.Context, events int) (contest, error) {
	backend, err := redisbus.New(redisbus.Config{URL: "redis://" + c.addr, MaxLen: -1})
	if err != nil {
		return contest{}, err
	}
	registry, dispatcher, err := dispatch(ctx, backend, consumed)
	if err != nil {
		return contest{}, err
	}
	if err := sendEvents(ctx, registry, dispatcher, c.events, events); err != nil {
		return contest{}, err
	}
	if err := dispatcher.Close(ctx); err != nil {
		return contest{}, err
	}
	return contest{
		name: consumeRedis,
		about: "A group of its own reads entries that were stored before, and acknowledges them. Only signalcast and the Python reference decode them. " +
			"The raw socket and go-redis read 1,000 entries at a time; watermill and the reference read and acknowledge one at a time.",
		contenders: []contender{
			prepared(ours, events, nothing, func(ctx context.Context, n int) (func() error, error) {
				source, err := redis.New(redis.Config{
					Server: redisbus.Config{URL: "redis://" + c.addr}, Group: newGroup(), Topics: []string{consumed},
				})
				if err != nil {
					return nil, err
				}
				return consumeEvents(ctx, source, consume.Config{}, n)
			}, nil),
			c.reader(rawSocket, events, c.readSocket),
			c.reader(bareRedis, events, c.readBare),
			c.reader(watermillLib, events/20, c.readWatermill),
		},
	}, nil
}

func nothing(context.Context, int) error { return nil }

// reader returns a contender whose work gets a new group that begins at the oldest entry.
func (c *redisContests) reader(name string, events int, read func(ctx context.Context, group string, n int) error) contender {
	return contender{name: name, events: events, run: func(ctx context.Context, n int) error {
		group := newGroup()
		if err := c.bare.XGroupCreate(ctx, consumed, group, "0").Err(); err != nil {
			return err
		}
		return errors.Join(read(ctx, group, n), c.bare.XGroupDestroy(ctx, consumed, group).Err())
	}}
}

func (c *redisContests) readBare(ctx context.Context, group string, n int) error {
	var ids []string
	for n > 0 {
		pipe := c.bare.Pipeline()
		if len(ids) > 0 {
			pipe.XAck(ctx, consumed, group, ids...)
		}
		read := pipe.XReadGroup(ctx, &goredis.XReadGroupArgs{
			Group: group, Consumer: "c", Streams: []string{consumed, ">"}, Count: int64(min(n, batchLen)), Block: -1,
		})
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		ids = ids[:0]
		for _, m := range read.Val()[0].Messages {
			ids = append(ids, m.ID)
		}
		n -= len(ids)
	}
	return c.bare.XAck(ctx, consumed, group, ids...).Err()
}

func (c *redisContests) readWatermill(ctx context.Context, group string, n int) error {
	s, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
		Client: goredis.NewClient(&goredis.Options{Addr: c.addr}), Unmarshaller: redisFields{}, ConsumerGroup: group, OldestId: "0",
	}, nil)
	if err != nil {
		return err
	}
	messages, err := s.Subscribe(ctx, consumed)
	if err != nil {
		return err
	}
	for m := range messages {
		m.Ack()
		if n--; n == 0 {
			break
		}
	}
	return s.Close()
}

// Unmarshal returns the fields of the event bus as a message.
func (redisFields) Unmarshal(fields map[string]any) (*message.Message, error) {
	id, _ := fields["id"].(string)
	data, _ := fields["event_data"].(string)
	return message.NewMessage(id, []byte(data)), nil
}

// readSocket writes commands to a socket and skips everything in the replies but the IDs.
func (c *redisContests) readSocket(ctx context.Context, group string, n int) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var ids []string
	for n > 0 {
		var b []byte
		if len(ids) > 0 {
			b = appendAck(b, group, ids)
		}
		b = append(b, "*9\r\n"+bulk("XREADGROUP")+bulk("GROUP")+bulk(group)+bulk("c")+bulk("COUNT")+bulk(strconv.Itoa(min(n, batchLen)))+
			bulk("STREAMS")+bulk(consumed)+bulk(">")...)
		if _, err := conn.Write(b); err != nil {
			return err
		}
		if len(ids) > 0 {
			if _, err := number(in, ':'); err != nil {
				return err
			}
		}
		if ids, err = readIDs(in, ids[:0]); err != nil {
			return err
		}
		n -= len(ids)
	}
	if _, err := conn.Write(appendAck(nil, group, ids)); err != nil {
		return err
	}
	_, err = number(in, ':')
	return err
}

func appendAck(b []byte, group string, ids []string) []byte {
	b = append(b, fmt.Sprintf("*%d\r\n", 3+len(ids))+bulk("XACK")+bulk(consumed)+bulk(group)...)
	for _, id := range ids {
		b = appendBulk(b, id)
	}
	return b
}

// readIDs reads a reply with one stream, and appends the IDs of its entries.
func readIDs(in *bufio.Reader, ids []string) ([]string, error) {
	for _, kind := range []byte{'*', '*'} { // the streams; the name and the entries
		if _, err := number(in, kind); err != nil {
			return nil, err
		}
	}
	if _, err := bulkReply(in, true); err != nil {
		return nil, err
	}
	entries, err := number(in, '*')
	for ; err == nil && entries > 0; entries-- {
		if _, err = number(in, '*'); err != nil {
			break
		}
		var id string
		if id, err = bulkReply(in, false); err != nil {
			break
		}
		ids = append(ids, id)
		var fields int
		for fields, err = number(in, '*'); err == nil && fields > 0; fields-- {
			_, err = bulkReply(in, true)
		}
	}
	return ids, err
}

// number reads a line with a number behind its kind.
func number(in *bufio.Reader, kind byte) (int, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("found the reply %q; want one of kind %q", line, kind)
	}
	return strconv.Atoi(string(line[1 : len(line)-2]))
}

func bulkReply(in *bufio.Reader, skip bool) (string, error) {
	size, err := number(in, '$')
	if err != nil {
		return "", err
	}
	if skip {
		_, err = in.Discard(size + 2)
		return "", err
	}
	b := make([]byte, size+2)
	_, err = io.ReadFull(in, b)
	return string(b[:size]), err
}
