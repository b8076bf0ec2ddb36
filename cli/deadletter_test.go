package cli_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	miniredisserver "github.com/alicebob/miniredis/v2/server"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
	"github.com/signalcast/signalcast/consume/redis"
	"github.com/signalcast/signalcast/internal/kafkatest"
	"github.com/signalcast/signalcast/openedx"
)

// endless is an idle time that no test waits for.
const endless = "1h"

// deadLetters returns the arguments of a command for the dead letters of the group catalog.
func deadLetters(url, idle, name string, flags ...string) []string {
	return append([]string{"deadletter", name, "--bus", url, "--group", "catalog", "--idle", idle, "enrollments"}, flags...)
}

func TestDeadLettersAreListedAndReplayed(t *testing.T) {
	t.Parallel()
	eachBus(t, func(t *testing.T, url string) {
		c := newProgram(t)
		// the dead letters of a consumer that cannot handle anything
		failing := program{cli.Command{Registry: signalcast.NewRegistry()}}
		require.Contains(t, failing.fine(t, "tail", "--bus", url, "--from", "beginning", "--count", "3", "enrollments"), "unreadable")
		makeDeadLetters(t, url)

		list := c.fine(t, deadLetters(url, endless, "list")...)
		require.Equal(t, 3, strings.Count(list, "permanent failure"), list)
		require.Contains(t, c.fine(t, deadLetters(url, endless, "replay")...), "add --apply")
		require.Equal(t, "published 3 dead letters to enrollments\n", c.fine(t, deadLetters(url, endless, "replay", "--apply")...))
		require.Equal(t, "published 0 dead letters to enrollments\n", c.fine(t, deadLetters(url, endless, "replay", "--apply")...), "each once")
		all := c.fine(t, "tail", "--bus", url, "--from", "beginning", "--count", "6", "--format", "json", "enrollments")
		require.Equal(t, 6, strings.Count(all, "\n"))
		require.NotContains(t, all, "dead_letter")
	})
}

func TestDeadLettersThatDoNotExistAreNone(t *testing.T) {
	t.Parallel()
	eachBus(t, func(t *testing.T, url string) {
		c, idle := newProgram(t), endless
		if strings.HasPrefix(url, "kafka:") {
			idle = "300ms" // brokers may not know a new topic yet
		}
		require.Empty(t, c.fine(t, deadLetters(url, idle, "list")...))
		require.Equal(t, "published 0 dead letters to enrollments\n", c.fine(t, deadLetters(url, idle, "replay", "--apply")...))
		require.Equal(t, "0 dead letters of enrollments-catalog-dead wait; add --apply to publish them\n",
			c.fine(t, deadLetters(url, idle, "replay")...))
	})
}

// A consumer that fails again adds dead letters while the command runs.
func TestDeadLettersThatComeBackAreLeft(t *testing.T) {
	t.Parallel()
	eachBus(t, func(t *testing.T, url string) {
		made := failAlways(t, url)
		require.Eventually(t, func() bool { return made.Load() == 3 }, time.Minute, time.Millisecond)
		c := newProgram(t)
		for want := int64(6); want <= 9; want += 3 {
			require.Equal(t, "published 3 dead letters to enrollments\n", c.fine(t, deadLetters(url, endless, "replay", "--apply")...))
			require.Eventually(t, func() bool { return made.Load() == want }, time.Minute, time.Millisecond)
		}
		require.Equal(t, 9, strings.Count(c.fine(t, deadLetters(url, endless, "list")...), "permanent failure"))
	})
}

// One dead letter comes back while those of another partition are published.
func TestDeadLettersThatComeBackAreLeftInEachPartition(t *testing.T) {
	t.Parallel()
	cluster, registry := kafkatest.NewCluster(t), kafkatest.NewRegistry(t)
	url := "kafka://" + strings.Join(cluster.ListenAddrs(), ",") + "?registry=" + registry.URL
	backend, err := franz.New(kafkaconfig.Config{Brokers: cluster.ListenAddrs(), SchemaRegistry: registry.URL})
	require.NoError(t, err)
	const many = 100
	sendSamplesOf(t, backend, append(slices.Repeat([]string{sampleCourse}, many), sampleCourse+"1", sampleCourse+"2", sampleCourse+"3")...)
	partitions := map[int32]bool{}
	for _, r := range cluster.Read(t, "enrollments") {
		partitions[r.Partition] = true
	}
	require.Greater(t, len(partitions), 1)
	made := failAlways(t, url)
	require.Eventually(t, func() bool { return made.Load() == many+3 }, time.Minute, time.Millisecond)
	require.Equal(t, "published 103 dead letters to enrollments\n",
		newProgram(t).fine(t, deadLetters(url, endless, "replay", "--apply")...))
}

// The second command waits for the lease, and finds nothing then.
func TestDeadLettersThatAnotherCommandPublishesAreNotAwaited(t *testing.T) {
	t.Parallel()
	server, url := redisWithDeadLetters(t)
	var looks atomic.Int64
	both := make(chan struct{})
	server.Server().SetPreHook(func(_ *miniredisserver.Peer, command string, _ ...string) bool {
		switch command {
		case "EXISTS": // the end of a look
			if looks.Add(1) == 2 {
				close(both)
			}
		case "XADD":
			<-both
		}
		return false
	})
	results := make(chan result)
	for range 2 {
		c := newProgram(t)
		go func() { results <- c.run(deadLetters(url, "200ms", "replay", "--apply")...) }()
	}
	first, second := <-results, <-results
	require.Equal(t, "published 3 dead letters to enrollments\n", first.out, first.errors)
	require.Equal(t, "published 0 dead letters to enrollments\n", second.out, second.errors)
	require.Equal(t, cli.ExitFine, second.code)
}

func TestDeadLetterThatCannotBePublishedIsKept(t *testing.T) {
	t.Parallel()
	server, url := redisWithDeadLetters(t)
	server.Del("enrollments")
	require.NoError(t, server.Set("enrollments", "not a stream"))
	c := newProgram(t)
	r := c.run(deadLetters(url, "1m", "replay", "--apply")...)
	require.Equal(t, cli.ExitProblems, r.code)
	require.Empty(t, r.out)
	require.Contains(t, r.errors, "WRONGTYPE")
	server.Del("enrollments")
	require.Equal(t, "published 3 dead letters to enrollments\n", c.fine(t, deadLetters(url, endless, "replay", "--apply")...))
}

// A server that does not tell which entry is the newest still gives all of them.
func TestIdleTimeEndsReadingIfTheNewestMessageIsUnknown(t *testing.T) {
	t.Parallel()
	idle := idleTime.String()
	hide := func(peer *miniredisserver.Peer, command string, _ ...string) bool {
		if command == "XREVRANGE" {
			peer.WriteError("NOPERM")
		}
		return command == "XREVRANGE"
	}
	t.Run("list", func(t *testing.T) {
		t.Parallel()
		server, url := redisWithDeadLetters(t)
		server.Server().SetPreHook(hide)
		require.Equal(t, 3, strings.Count(newProgram(t).fine(t, deadLetters(url, idle, "list")...), "permanent failure"))
	})
	t.Run("slow publishing is not idle", func(t *testing.T) {
		t.Parallel()
		server, url := redisWithDeadLetters(t)
		var slow sync.Once
		const longest = 2500 * time.Millisecond // the command waits longer for a reply
		server.Server().SetPreHook(func(peer *miniredisserver.Peer, command string, args ...string) bool {
			if command == "XADD" {
				slow.Do(func() { <-time.After(min(idleTime+idleTime/4, longest)) })
			}
			return hide(peer, command, args...)
		})
		require.Equal(t, "published 3 dead letters to enrollments\n", newProgram(t).fine(t, deadLetters(url, idle, "replay", "--apply")...))
	})
}

func TestIdleTimeDoesNotEndReadingBeforeTheNewestMessage(t *testing.T) {
	t.Parallel()
	const idle = 50 * time.Millisecond
	list := func(silence time.Duration) result {
		server, url := redisWithDeadLetters(t)
		began := sync.OnceValue(time.Now)
		server.Server().SetPreHook(func(peer *miniredisserver.Peer, command string, _ ...string) bool {
			if command == "XREVRANGE" {
				<-time.After(2 * idle) // before the newest entry is known
			}
			silent := command == "XREAD" && time.Since(began()) < silence
			if silent {
				<-time.After(time.Millisecond)
				peer.WriteNull()
			}
			return silent
		})
		return newProgram(t).run(deadLetters(url, idle.String(), "list")...)
	}
	late := list(4 * idle)
	require.Equal(t, cli.ExitFine, late.code, late.errors)
	require.Equal(t, 3, strings.Count(late.out, "permanent failure"))
	never := list(time.Hour)
	require.Equal(t, cli.ExitProblems, never.code)
	require.Empty(t, never.out)
	require.Contains(t, never.errors, "found no message for 500ms; want all up to enrollments-catalog-dead/")
}

// Brokers wait for further members before they give the first one its partitions.
func TestDeadLettersAreReplayedWhenTheGroupBeginsLate(t *testing.T) {
	t.Parallel()
	for name, idle := range map[string]time.Duration{"the ends are known": idleTime / 20, "the ends are unknown": idleTime} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, registry := kafkatest.NewCluster(t), kafkatest.NewRegistry(t)
			url := "kafka://" + strings.Join(cluster.ListenAddrs(), ",") + "?registry=" + registry.URL
			backend, err := franz.New(kafkaconfig.Config{Brokers: cluster.ListenAddrs(), SchemaRegistry: registry.URL})
			require.NoError(t, err)
			sendSamples(t, backend)
			makeDeadLetters(t, url)
			if idle == idleTime {
				cluster.ControlKey(int16(kmsg.ListOffsets), func(request kmsg.Request) (kmsg.Response, error, bool) {
					cluster.KeepControl()
					return rejectEnds(request)
				})
			}
			var late sync.Once
			cluster.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
				late.Do(func() { cluster.SleepControl(func() { <-time.After(idle + idleTime/4) }) })
				return nil, nil, false
			})
			require.Equal(t, "published 3 dead letters to enrollments\n",
				newProgram(t).fine(t, deadLetters(url, idle.String(), "replay", "--apply")...))
		})
	}
}

// rejectEnds rejects requests for the ends of partitions.
func rejectEnds(request kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the order of kfake
	list := request.(*kmsg.ListOffsetsRequest)                  //nolint:forcetypeassert // of the key
	response := list.ResponseKind().(*kmsg.ListOffsetsResponse) //nolint:forcetypeassert // likewise
	for _, t := range list.Topics {
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			const end = -1
			if p.Timestamp != end {
				return nil, nil, false
			}
			partition := kmsg.NewListOffsetsResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response, nil, true
}

// redisWithDeadLetters returns a server with three dead letters of the group catalog, and its URL.
func redisWithDeadLetters(t *testing.T) (*miniredis.Miniredis, string) {
	t.Helper()
	server := miniredis.RunT(t)
	url := "redis://" + server.Addr() + "/0"
	backend, err := redisbus.New(redisbus.Config{URL: url})
	require.NoError(t, err)
	sendSamples(t, backend)
	makeDeadLetters(t, url)
	return server, url
}

// makeDeadLetters runs a consumer of the group catalog until it has failed on each event of the topic enrollments.
func makeDeadLetters(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	letters := 0
	consumer := newFailing(t, url, func() {
		if letters++; letters == 3 {
			cancel()
		}
	})
	require.NoError(t, consumer.Run(ctx))
	require.Equal(t, 3, letters)
}

// failAlways runs a consumer of the group catalog that fails on each event, until the test ends. It returns the number of dead letters.
func failAlways(t *testing.T, url string) *atomic.Int64 {
	t.Helper()
	var made atomic.Int64
	consumer := newFailing(t, url, func() { made.Add(1) })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return &made
}

// newFailing returns a consumer of the group catalog that fails on each event of the topic enrollments.
func newFailing(t *testing.T, url string, made func()) *consume.Consumer {
	t.Helper()
	var source consume.Source
	var err error
	if strings.HasPrefix(url, "redis:") {
		source, err = redis.New(redis.Config{Server: redisbus.Config{URL: url}, Group: "catalog", Topics: []string{"enrollments"}})
	} else {
		brokers, schemas, _ := strings.Cut(strings.TrimPrefix(url, "kafka://"), "?registry=")
		source, err = kafka.New(kafka.Config{
			Config: kafkaconfig.Config{Brokers: strings.Split(brokers, ","), SchemaRegistry: schemas},
			Group:  "catalog", Topics: []string{"enrollments"}, Start: consume.Earliest(),
		})
	}
	require.NoError(t, err)
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(openedx.Signals()...))
	consumer, err := consume.New(registry, source, consume.Config{
		Concurrency: 1,
		HandleAll:   true,
		Handle:      func(context.Context, *signalcast.Received) error { return consume.ErrPermanent },
		Hooks:       consume.Hooks{DeadLettered: func(*consume.Message, string, error) { made() }},
	})
	require.NoError(t, err)
	return consumer
}
