//go:build integration

package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/consume"
)

// paid is the data of the events.
type paid struct {
	Customer string `avro:"customer"`
	Number   int64  `avro:"number"`
}

var orderPaid = signalcast.NewSignal[paid]("org.example.order.paid.v1")

// operated is a topic of a real broker, with the command.
type operated struct {
	t        *testing.T
	url      string
	topic    string
	registry *signalcast.Registry
	source   func(group string) consume.Source
	sent     int64
}

// withEachBus runs test with a new topic of each broker.
func withEachBus(t *testing.T, test func(o *operated)) {
	t.Helper()
	for name, to := range map[string]struct {
		url     string
		backend func(t *testing.T) (signalcast.Backend, error)
		source  func(t *testing.T, group, topic string) consume.Source
	}{
		"redis": {
			setting(t, "SIGNALCAST_TEST_REDIS_URL"),
			func(t *testing.T) (signalcast.Backend, error) {
				t.Helper()
				return redisbus.New(redisbus.Config{URL: setting(t, "SIGNALCAST_TEST_REDIS_URL")})
			},
			redisSource,
		},
		"kafka": {
			"kafka://" + setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS") + "?registry=" + setting(t, "SIGNALCAST_TEST_REGISTRY_URL"),
			func(t *testing.T) (signalcast.Backend, error) { t.Helper(); return franz.New(kafkaConfig(t)) },
			kafkaSource,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &operated{t: t, url: to.url, topic: uniquePrefix() + "-orders", registry: signalcast.NewRegistry()}
			o.source = func(group string) consume.Source { return to.source(t, group, o.topic) }
			require.NoError(t, o.registry.Register(orderPaid))
			backend, err := to.backend(t)
			require.NoError(t, err)
			dispatcher, err := signalcast.NewDispatcher(t.Context(), o.registry, signalcast.ProducerConfig{
				orderPaid.EventType(): {o.topic: {EventKeyField: new("customer"), Enabled: new(true)}},
			}, backend)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, dispatcher.Close(context.Background())) })
			test(o)
		})
	}
}

// send sends n events, which have the next numbers.
func (o *operated) send(n int64) {
	o.t.Helper()
	for ; n > 0; n-- {
		require.NoError(o.t, orderPaid.Send(o.t.Context(), o.registry, paid{fmt.Sprint("customer ", o.sent%3), o.sent}))
		o.sent++
	}
}

// now returns a time that is later than that of all events, as text. Brokers count in milliseconds.
func (o *operated) now() string {
	<-time.After(2 * time.Millisecond)
	return time.Now().UTC().Format(time.RFC3339Nano)
}

// run runs the command with the broker, and returns its output.
func (o *operated) run(want int, args ...string) string {
	o.t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(o.t, registry.Register(orderPaid))
	var out strings.Builder
	command := cli.Command{Registry: registry, Stdout: &out, Stderr: &out}
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	code := command.Run(ctx, append(args, "--bus", o.url, o.topic))
	require.NoError(o.t, ctx.Err(), "%v does not end: %s", args, out.String())
	require.Equal(o.t, want, code, out.String())
	return out.String()
}

// fine runs a command that must succeed.
func (o *operated) fine(args ...string) string { o.t.Helper(); return o.run(cli.ExitFine, args...) }

// linesOf runs a command that writes JSON, and returns its lines.
func linesOf[T any](o *operated, args ...string) (list []T) {
	o.t.Helper()
	for line := range strings.Lines(o.fine(append(args, "--format", "json")...)) {
		var v T
		require.NoError(o.t, json.Unmarshal([]byte(line), &v), line)
		list = append(list, v)
	}
	return list
}

// lag returns the messages that a group has not acknowledged, and its members.
func (o *operated) lag(group string) (behind int64, members int) {
	o.t.Helper()
	for _, l := range linesOf[struct {
		Topic   string
		Behind  int64
		Members int
	}](o, "lag", "--group", group) {
		require.Equal(o.t, o.topic, l.Topic)
		require.GreaterOrEqual(o.t, l.Behind, int64(0))
		behind += l.Behind
		members += l.Members
	}
	return behind, members
}

// consume runs a member of a group until it has handled the events with the given numbers and published the dead letters of
// those for which fails is true. during is called while the member runs.
func (o *operated) consume(group string, numbers []int64, fails func(number int64) bool, during func()) {
	o.t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(o.t, registry.Register(orderPaid))
	var mu sync.Mutex
	var got []int64
	_, err := orderPaid.Connect(registry, func(_ context.Context, e signalcast.Event[paid]) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, e.Data.Number)
		if fails(e.Data.Number) {
			return errors.Join(errors.New("the order does not exist"), consume.ErrPermanent)
		}
		return nil
	})
	require.NoError(o.t, err)
	consumer, err := consume.New(registry, o.source(group), consume.Config{})
	require.NoError(o.t, err)
	ctx, cancel := context.WithCancel(o.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	require.Eventually(o.t, func() bool {
		c := consumer.Stats().Topics[o.topic]
		return c.Handled+c.DeadLettered >= int64(len(numbers))
	}, time.Minute, 10*time.Millisecond, "%+v", consumer.Status())
	if during != nil {
		during()
	}
	cancel()
	require.NoError(o.t, <-ended)
	slices.Sort(got)
	require.Equal(o.t, numbers, got)
}

// from returns the numbers from first to last.
func from(first, last int64) (list []int64) {
	for n := first; n <= last; n++ {
		list = append(list, n)
	}
	return list
}

func never(int64) bool { return false }

// tailed is a line of tail or deadletter list.
type tailed struct {
	Position   string
	Metadata   signalcast.Metadata
	Error      string
	DeadLetter map[string]string `json:"dead_letter"`
	Data       struct{ Number int64 }
}

func numbersOf(list []tailed) (numbers []int64) {
	for _, l := range list {
		numbers = append(numbers, l.Data.Number)
	}
	slices.Sort(numbers)
	return numbers
}

func TestCommandTailsAndMeasures(t *testing.T) {
	t.Parallel()
	withEachBus(t, func(o *operated) {
		o.send(12)
		o.consume("billing", from(0, 11), never, func() {
			_, members := o.lag("billing")
			require.Positive(o.t, members)
			require.Contains(o.t, o.run(cli.ExitProblems, "replay", "--group", "billing", "--since", "1h", "--apply"), "stop the consumers first")
		})
		middle := o.now()
		o.send(6)
		behind, members := o.lag("billing")
		require.Equal(o.t, int64(6), behind)
		require.Zero(o.t, members)
		require.Regexp(o.t, `(?m)^`+o.topic+` +\d+ +0 +\d`, o.fine("lag", "--group", "billing"))

		all := linesOf[tailed](o, "tail", "--from", "beginning", "--idle", "1s")
		require.Equal(o.t, from(0, 17), numbersOf(all))
		require.Equal(o.t, from(12, 17), numbersOf(linesOf[tailed](o, "tail", "--from", middle, "--idle", "1s")))
		require.Equal(o.t, 10, strings.Count(o.fine("tail", "--from", "beginning", "--count", "5"), "\n"))
		require.Empty(o.t, o.fine("tail", "--idle", "1s"), "it begins with the next event")
		behind, _ = o.lag("billing")
		require.Equal(o.t, int64(6), behind, "tail changes no group")
	})
}

func TestCommandReplaysOneGroup(t *testing.T) {
	t.Parallel()
	withEachBus(t, func(o *operated) {
		o.send(12)
		middle := o.now()
		o.send(6)
		for _, group := range []string{"billing", "catalog"} {
			o.consume(group, from(0, 17), never, nil)
		}
		type move struct {
			Messages int64
			Applied  bool
		}
		replay := []string{"replay", "--group", "catalog", "--since", middle}
		require.Contains(o.t, o.fine(replay...), "nothing was changed; add --apply")
		total := int64(0)
		for _, m := range linesOf[move](o, replay...) {
			require.False(o.t, m.Applied)
			total += m.Messages
		}
		require.Equal(o.t, int64(6), total)
		behind, _ := o.lag("catalog")
		require.Zero(o.t, behind, "a dry run changes nothing")

		for _, m := range linesOf[move](o, append(replay, "--apply")...) {
			require.True(o.t, m.Applied)
		}
		behind, _ = o.lag("catalog")
		require.Equal(o.t, int64(6), behind)
		behind, _ = o.lag("billing")
		require.Zero(o.t, behind)
		o.consume("catalog", from(12, 17), never, nil)
		require.NotContains(o.t, o.fine(append(replay, "--apply")...), "nothing was changed")
		forward := []string{"replay", "--group", "catalog", "--apply", "--since", o.now()}
		total = 0
		for _, m := range linesOf[move](o, forward...) {
			total += m.Messages
		}
		require.Equal(o.t, int64(6), total, "skipped")
		o.send(1)
		behind, _ = o.lag("catalog")
		require.Equal(o.t, int64(1), behind)
		o.consume("catalog", []int64{18}, never, nil)
	})
}

func TestCommandReplaysDeadLetters(t *testing.T) {
	t.Parallel()
	withEachBus(t, func(o *operated) {
		o.send(12)
		o.consume("billing", from(0, 11), never, nil)
		group := []string{"--group", "catalog", "--idle", "1s"}
		replay := append([]string{"deadletter", "replay"}, group...)
		require.Empty(o.t, o.fine(append([]string{"deadletter", "list"}, group...)...), "without dead letters")
		require.Equal(o.t, "published 0 dead letters to "+o.topic+"\n",
			o.fine("deadletter", "replay", "--group", "billing", "--idle", "1s", "--apply"))

		o.consume("catalog", from(0, 11), func(number int64) bool { return number%3 == 0 }, nil)
		letters := linesOf[tailed](o, append([]string{"deadletter", "list"}, group...)...)
		require.Equal(o.t, []int64{0, 3, 6, 9}, numbersOf(letters))
		ids := map[signalcast.UUID]bool{}
		for _, l := range letters {
			ids[l.Metadata.ID] = true
			require.Contains(o.t, l.DeadLetter["reason"], "the order does not exist")
			require.Equal(o.t, "catalog", l.DeadLetter["group"])
			require.True(o.t, strings.HasPrefix(l.DeadLetter["position"], o.topic+"/"), l.DeadLetter["position"])
			require.True(o.t, strings.HasPrefix(l.Position, o.topic+"-catalog-dead/"), l.Position)
		}
		text := o.fine(append([]string{"deadletter", "list"}, group...)...)
		require.Equal(o.t, 4, strings.Count(text, "the order does not exist"), text)

		require.Contains(o.t, o.fine(replay...), "add --apply")
		type count struct{ Waiting, Published int64 }
		require.Equal(o.t, []count{{Waiting: -1}}, linesOf[count](o, replay...), "unknown before the first replay")
		require.Equal(o.t, []count{{Published: 4}}, linesOf[count](o, append(replay, "--apply")...))
		require.Equal(o.t, []count{{}}, linesOf[count](o, replay...))
		require.Equal(o.t, []count{{}}, linesOf[count](o, append(replay, "--apply")...), "each once")

		again := map[signalcast.UUID]int{}
		for _, l := range linesOf[tailed](o, "tail", "--from", "beginning", "--idle", "1s") {
			require.Empty(o.t, l.DeadLetter)
			if ids[l.Metadata.ID] {
				again[l.Metadata.ID]++
			}
		}
		require.Len(o.t, again, 4)
		for _, n := range again {
			require.Equal(o.t, 2, n, "the message and its replay")
		}
		o.consume("billing", []int64{0, 3, 6, 9}, never, nil)
		o.send(1)
		o.consume("catalog", []int64{0, 3, 6, 9, 12}, func(number int64) bool { return number == 12 }, nil)
		require.Equal(o.t, []count{{Waiting: 1}}, linesOf[count](o, replay...))
		require.Equal(o.t, []count{{Published: 1}}, linesOf[count](o, append(replay, "--apply")...))
		o.consume("catalog", []int64{12}, never, nil)
	})
}
