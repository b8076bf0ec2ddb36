package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/internal/rawconn"
)

var (
	_ consume.Source   = (*Source)(nil)
	_ consume.Operator = (*Source)(nil)
)

// Source reads streams for one group. It belongs to one [consume.Consumer].
type Source struct {
	config Config
	client client
	conns  *rawconn.Set // of client
}

// client is a client of go-redis for the servers. It is an interface because of the size of the types of go-redis: each package that
// uses a type which leads to them would compile their 700 methods again.
type client interface {
	Close() error
	Do(ctx context.Context, args ...any) *goredis.Cmd
	Eval(ctx context.Context, script string, keys []string, args ...any) *goredis.Cmd
	Exists(ctx context.Context, keys ...string) *goredis.IntCmd
	Pipelined(ctx context.Context, commands func(goredis.Pipeliner) error) ([]goredis.Cmder, error)
	Process(ctx context.Context, command goredis.Cmder) error
	SetArgs(ctx context.Context, key string, value any, a goredis.SetArgs) *goredis.StatusCmd
	XAck(ctx context.Context, stream, group string, ids ...string) *goredis.IntCmd
	XGroupCreateMkStream(ctx context.Context, stream, group, start string) *goredis.StatusCmd
	XInfoGroups(ctx context.Context, key string) *goredis.XInfoGroupsCmd
	XInfoStream(ctx context.Context, key string) *goredis.XInfoStreamCmd
	XPending(ctx context.Context, stream, group string) *goredis.XPendingCmd
	XPendingExt(ctx context.Context, a *goredis.XPendingExtArgs) *goredis.XPendingExtCmd
	XRangeN(ctx context.Context, stream, start, stop string, count int64) *goredis.XMessageSliceCmd
	XRevRangeN(ctx context.Context, stream, start, stop string, count int64) *goredis.XMessageSliceCmd
}

// New returns a source. It does not connect, so servers may be unreachable. If c is invalid, the error joins a
// [*ConfigError], or a ConfigError of backends/redis, for each fault.
func New(c Config) (*Source, error) {
	c, err := c.checked()
	client, errServer := redis.Client(c.Server)
	if err := errors.Join(err, errServer); err != nil {
		return nil, err
	}
	c.Topics = slices.Clone(c.Topics)
	s := &Source{config: c, client: client, conns: rawconn.New()}
	watchConns(client, s.conns)
	return s, nil
}

// Group returns the name of the group.
func (s *Source) Group() string { return s.config.Group }

// String returns the servers, the group and the streams, without credentials.
func (s *Source) String() string { return "redis.Source{" + s.config.String() + "}" }

// Format writes String for every verb.
func (s *Source) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// Close closes the connections. Run must have returned.
func (s *Source) Close() error {
	err := s.client.Close()
	s.conns.CloseAll()
	return err
}

// Run reads the streams until ctx ends. See [consume.Source].
func (s *Source) Run(ctx context.Context, in *consume.Intake) error {
	var readers sync.WaitGroup
	for _, stream := range s.config.Topics {
		r := &reader{source: s, in: in, stream: stream, token: s.config.Member + " " + rand.Text()}
		if s.config.Group == "" {
			readers.Go(func() { r.readAlone(ctx) })
		} else {
			readers.Go(func() { r.run(ctx) })
		}
	}
	readers.Wait()
	return nil
}

// Publish adds a message to another stream, with its fields, and the given fields behind them. See [consume.Source].
func (s *Source) Publish(ctx context.Context, topic string, m *consume.Message, extra []consume.Field) error {
	e, ok := m.Raw.(*entry)
	if !ok {
		return fmt.Errorf("redis: message %s: found a message of another source; want one of this source", m.Position())
	}
	fields := e.fields()
	arguments := make([]any, 0, 6+len(fields)+2*len(extra))
	arguments = append(arguments, "XADD", topic)
	if s.config.Server.MaxLen > 0 {
		arguments = append(arguments, "MAXLEN", "~", strconv.FormatInt(s.config.Server.MaxLen, 10))
	}
	arguments = append(arguments, "*")
	for i := 0; i+1 < len(fields); i += 2 {
		if !strings.HasPrefix(fields[i], consume.FieldPrefix) {
			arguments = append(arguments, fields[i], fields[i+1])
		}
	}
	for _, f := range extra {
		arguments = append(arguments, f.Name, f.Value)
	}
	if err := s.client.Do(ctx, arguments...).Err(); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	return nil
}

// before returns the largest ID before those of a time. Reading after it starts at the time.
func before(t time.Time) string {
	return strconv.FormatInt(max(0, t.UnixMilli()-1), 10) + "-18446744073709551615"
}
