package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
)

func TestEventsComeOnceAndInOrder(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.send(t, 8, 1, 50)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 8, 50)
	b.send(t, 8, 51, 60)
	a.require(t, 8, 60)
	m.stop(t)

	counts := m.Stats().Topics[topic]
	require.EqualValues(t, 480, counts.Handled)
	require.Equal(t, counts.Received, counts.Handled+counts.Returned)
}

func TestRollingRestartLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	const keys = 8
	a := newAccount()
	var members []*member
	for range 3 {
		members = append(members, b.start(t, a.receive, consume.Config{MaxInFlight: 50}))
	}
	n := int64(0)
	for i := range members {
		b.send(t, keys, n+1, n+20)
		members[i].stop(t)
		members[i] = b.start(t, a.receive, consume.Config{MaxInFlight: 50})
		b.send(t, keys, n+21, n+30)
		n += 30
	}
	a.require(t, keys, n)
	for _, m := range members {
		m.stop(t)
	}
}

func TestNextMemberContinuesBehindTheCommittedOffset(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	a := newAccount()
	b.send(t, 4, 1, 10)
	first := b.start(t, a.receive, consume.Config{})
	a.require(t, 4, 10)
	first.stop(t)
	b.send(t, 4, 11, 20)
	second := b.start(t, a.receive, consume.Config{})
	a.require(t, 4, 20)
	second.stop(t)
}

// The place where the group begins is committed with the first assignment, so messages that come while no member runs are read.
func TestStartSkipsNothingBetweenTwoMembers(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(middle time.Time) consume.Start{
		"latest":   func(time.Time) consume.Start { return consume.Latest() },
		"since":    consume.Since,
		"earliest": func(time.Time) consume.Start { return consume.Earliest() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBus(t)
			a := newAccount()
			skipped := int64(0)
			if name != "earliest" {
				skipped = 5
			}
			b.send(t, 4, 1, skipped)
			for key := range int64(4) {
				a.last[key] = skipped
			}
			middle := time.Now().Add(2 * time.Millisecond)
			require.Eventually(t, func() bool { return time.Now().After(middle) }, patience, time.Millisecond)
			c := kafka.Config{Config: b.config, Group: "group", Topics: []string{topic}, Start: start(middle)}
			first := b.startSource(t, c, a.receive, consume.Config{})
			b.awaitBegin(t, c)
			first.stop(t)
			require.Zero(t, a.handled)
			b.send(t, 4, skipped+1, 10)
			second := b.startSource(t, c, a.receive, consume.Config{})
			a.require(t, 4, 10)
			second.stop(t)
		})
	}
}

// A group that starts with the newest messages reads a partition that is added later from its first message, whether a member
// runs or not.
func TestAddedPartitionIsReadFromItsFirstMessage(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(fmt.Sprintf("running=%v", running), func(t *testing.T) {
			t.Parallel()
			b := newBus(t)
			b.config.MetadataMaxAge = time.Second
			a := newAccount()
			c := kafka.Config{Config: b.config, Group: "group", Topics: []string{topic}}
			m := b.startSource(t, c, a.receive, consume.Config{})
			b.awaitBegin(t, c)
			b.send(t, 20, 1, 5)
			a.require(t, 20, 5)
			if !running {
				m.stop(t)
			}
			b.add(t, 12)
			b.connect(t)
			b.send(t, 20, 6, 10)
			if !running {
				m = b.startSource(t, c, a.receive, consume.Config{})
			}
			a.require(t, 20, 10)
			m.stop(t)
		})
	}
}

func TestRemovedMessagesAreCounted(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	a := newAccount()
	b.send(t, 1, 1, 10)
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 1, 10)
	m.stop(t)
	b.send(t, 1, 11, 20)
	b.remove(t, 15)
	a.last[0] = 15
	m = b.start(t, a.receive, consume.Config{})
	a.require(t, 1, 20)
	require.EqualValues(t, 5, m.Stats().Topics[topic].Lost)
	m.stop(t)
}

// A member that the brokers have forgotten commits nothing for the partitions that it had, and joins again.
func TestForgottenMemberJoinsAgain(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	a := newAccount()
	entered, release := make(chan struct{}, 100), make(chan struct{})
	m := b.startSource(t, kafka.Config{
		Group: "group", Topics: []string{topic}, Start: consume.Earliest(), SessionTimeout: 6 * time.Second,
	}, func(ctx context.Context, e signalcast.Event[changed]) error {
		entered <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
			return ctx.Err()
		}
		return a.receive(ctx, e)
	}, consume.Config{})
	b.send(t, 1, 1, 10)
	arrives(t, entered)
	b.ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		return &kmsg.HeartbeatResponse{ErrorCode: kerr.UnknownMemberID.Code}, nil, true
	})
	arrives(t, entered) // the first message again, after its context had ended
	close(release)
	a.require(t, 1, 10)
	m.stop(t)
	counts := m.Stats().Topics[topic]
	require.EqualValues(t, 10, counts.Handled)
	require.Positive(t, counts.Returned)
}

// A topic that does not exist is a trouble. The source does not create it, so that a misspelt name is seen.
func TestMissingTopicIsATrouble(t *testing.T) {
	t.Parallel()
	b := newBusWith(t)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	require.Eventually(t, func() bool {
		troubles := m.Status().Troubles
		return len(troubles) == 1 && troubles[0].Topic == topic && errors.Is(troubles[0].Err, kerr.UnknownTopicOrPartition)
	}, patience, 5*time.Millisecond)
	b.send(t, 4, 1, 5)
	a.require(t, 4, 5)
	require.Eventually(t, func() bool { return len(m.Status().Troubles) == 0 }, patience, 5*time.Millisecond)
	m.stop(t)
}

// A message that is not handled is not committed, although later ones of its partition are handled.
func TestUnhandledMessageIsDeliveredAgain(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.send(t, 8, 1, 10)
	failing := newAccount()
	first := b.start(t, func(ctx context.Context, e signalcast.Event[changed]) error {
		if e.Data.Key == 3 && e.Data.N == 2 {
			return errors.New("no")
		}
		return failing.receive(ctx, e)
	}, consume.Config{Retry: consume.Retry{Attempts: 1000}, Grace: time.Millisecond})
	require.Eventually(t, func() bool {
		failing.mu.Lock()
		defer failing.mu.Unlock()
		return failing.handled == 8*10-9
	}, patience, 5*time.Millisecond)
	require.Len(t, first.Status().Retrying, 1)
	first.stop(t)
	require.EqualValues(t, 9, first.Stats().Topics[topic].Returned)

	a := newAccount()
	a.last[3] = 1
	second := b.start(t, func(ctx context.Context, e signalcast.Event[changed]) error {
		if e.Data.Key != 3 {
			return nil
		}
		return a.receive(ctx, e)
	}, consume.Config{})
	require.Eventually(t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.last[3] == 10
	}, patience, 5*time.Millisecond)
	second.stop(t)
	require.Zero(t, a.gaps)
}

func TestDeadLetterHasTheMessageAndTheReason(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.send(t, 1, 1, 3)
	m := b.start(t, func(_ context.Context, e signalcast.Event[changed]) error {
		if e.Data.N == 2 {
			return consume.ErrPermanent
		}
		return nil
	}, consume.Config{})
	require.Eventually(t, func() bool { return m.Stats().Topics[topic].DeadLettered == 1 }, patience, 5*time.Millisecond)
	m.stop(t)

	records, letters := b.Read(t, topic), b.Read(t, topic+"-group-dead")
	require.Len(t, letters, 1)
	require.Equal(t, records[1].Key, letters[0].Key)
	require.Equal(t, records[1].Value, letters[0].Value)
	require.Equal(t, records[1].Headers, letters[0].Headers[:len(records[1].Headers)])
	extra := map[string]string{}
	for _, h := range letters[0].Headers[len(records[1].Headers):] {
		extra[h.Key] = string(h.Value)
	}
	require.Contains(t, extra[consume.FieldReason], "permanent failure")
	require.Equal(t, "group", extra[consume.FieldGroup])
	require.Contains(t, extra[consume.FieldPosition], topic+"/")
}

// A dead letter has the headers of its message as they were, except those of an earlier dead letter.
func TestDeadLetterHasUnusualHeaders(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	defer client.Close()
	headers := []kgo.RecordHeader{
		{Key: "null"}, {Key: "empty", Value: []byte{}}, {Key: "", Value: []byte("x")}, {Key: "long", Value: make([]byte, 20_000)}, {Key: "null"},
	}
	sent := &kgo.Record{Value: []byte{}, Headers: append(slices.Clone(headers), kgo.RecordHeader{Key: consume.FieldReason, Value: []byte("old")})}
	require.NoError(t, client.ProduceSync(t.Context(), sent).FirstErr())
	m := b.start(t, newAccount().receive, consume.Config{})
	require.Eventually(t, func() bool { return m.Stats().Topics[topic].DeadLettered == 1 }, patience, 5*time.Millisecond)
	m.stop(t)
	letter := b.Read(t, topic+"-group-dead")[0]
	require.Nil(t, letter.Key)
	require.Equal(t, []byte{}, letter.Value)
	require.Equal(t, headers, letter.Headers[:len(headers)])
	require.Equal(t, consume.FieldReason, letter.Headers[len(headers)].Key)
	require.NotEqual(t, "old", string(letter.Headers[len(headers)].Value))
}

// Records share blocks of memory. Each dead letter has the headers of its own message.
func TestDeadLettersHaveTheirOwnHeaders(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	defer client.Close()
	sent := map[string][]kgo.RecordHeader{}
	hosts := [][]byte{[]byte("a"), []byte("b"), nil, {}, make([]byte, 5000)}
	for i := range 40 {
		n, host := []byte(strconv.Itoa(i)), hosts[i/2%len(hosts)]
		headers := []kgo.RecordHeader{{Key: "ce_id", Value: n}, {Key: "sourcehost", Value: host}, {Key: "ce_time"}, {Key: "other", Value: n}}
		if i%3 == 0 {
			headers[2].Value, headers[3].Key = n, strconv.Itoa(i)
		}
		sent[string(n)] = headers
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Key: n, Value: n, Headers: headers}).FirstErr())
	}
	m := b.start(t, newAccount().receive, consume.Config{})
	require.Eventually(t, func() bool { return m.Stats().Topics[topic].DeadLettered == 40 }, patience, 5*time.Millisecond)
	m.stop(t)
	letters := b.Read(t, topic+"-group-dead")
	require.Len(t, letters, len(sent))
	for _, letter := range letters {
		headers := sent[string(letter.Value)]
		require.Equal(t, letter.Value, letter.Key)
		require.Equal(t, headers, letter.Headers[:len(headers)])
		delete(sent, string(letter.Value))
	}
	require.Empty(t, sent)
}

// The partition waits for the registry, which is no failure of its messages.
func TestPartitionsWaitForTheRegistry(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.send(t, 2, 1, 5)
	b.schemas.Fail(http.StatusServiceUnavailable)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{Retry: consume.Retry{Attempts: 1}})
	require.Eventually(t, func() bool { return len(m.Status().Troubles) == 1 }, patience, 5*time.Millisecond)
	require.Equal(t, topic, m.Status().Troubles[0].Topic)
	require.Zero(t, m.Stats().Topics[topic].DeadLettered)
	b.schemas.Fail(0)
	a.require(t, 2, 5)
	require.Eventually(t, func() bool { return len(m.Status().Troubles) == 0 }, patience, 5*time.Millisecond)
	m.stop(t)
}

func TestReadingContinuesAfterAnOutageOfTheBrokers(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	b.send(t, 4, 1, 5)
	a.require(t, 4, 5)
	b.Stop()
	require.Eventually(t, func() bool { return len(m.Status().Troubles) > 0 }, patience, 5*time.Millisecond)
	b.Start()
	b.send(t, 4, 6, 10)
	a.require(t, 4, 10)
	require.Eventually(t, func() bool { return len(m.Status().Troubles) == 0 }, patience, 5*time.Millisecond)
	m.stop(t)
}

// One message that is not handled stops its partition when MaxInFlight is reached. Other partitions go on.
func TestStuckPartitionDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	release := make(chan struct{})
	a := newAccount()
	m := b.start(t, func(ctx context.Context, e signalcast.Event[changed]) error {
		if e.Data.Key == 0 && e.Data.N == 1 {
			<-release
		}
		return a.receive(ctx, e)
	}, consume.Config{MaxInFlight: 20})
	b.send(t, 12, 1, 30)
	partitions := map[int32]bool{}
	for _, r := range b.Read(t, topic) {
		partitions[r.Partition] = true
	}
	require.Len(t, partitions, 3)
	require.Eventually(t, func() bool {
		stuck := 0
		for _, f := range m.Status().Feeds {
			if f.Pending > 0 {
				stuck++
			}
		}
		return stuck == 1 && m.Stats().Topics[topic].Handled > 100
	}, patience, 5*time.Millisecond)
	close(release)
	a.require(t, 12, 30)
	m.stop(t)
}

// Records that the source reads ahead are part of the lag, and not in flight.
func TestRecordsReadAheadWaitInOrder(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.send(t, 12, 1, 10)
	release := make(chan struct{})
	a := newAccount()
	m := b.start(t, func(ctx context.Context, e signalcast.Event[changed]) error {
		<-release
		return a.receive(ctx, e)
	}, consume.Config{MaxInFlight: 10})
	require.Eventually(t, func() bool {
		lag, full := int64(0), 0
		for _, f := range m.Status().Feeds {
			require.LessOrEqual(t, f.Pending, 10)
			lag += f.Lag
			if f.Pending == 10 {
				full++
			}
		}
		return lag == 120 && full == 3
	}, patience, 5*time.Millisecond)
	require.EqualValues(t, 30, m.Stats().Topics[topic].Received)
	close(release)
	a.require(t, 12, 10)
	m.stop(t)
}

func TestStopReturnsWithoutBrokers(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.Stop()
	m := b.start(t, newAccount().receive, consume.Config{})
	require.Eventually(t, func() bool { return len(m.Status().Troubles) > 0 }, patience, 5*time.Millisecond)
	m.stop(t)
	b.Start()
}

func TestConfigErrorsNameTheField(t *testing.T) {
	t.Parallel()
	_, err := kafka.New(kafka.Config{InstanceID: "a", SessionTimeout: 1, Config: kafkaconfig.Config{SASLPassword: "hidden-secret"}})
	for _, field := range []string{"Brokers", "Topics", "SessionTimeout", "InstanceID"} {
		require.ErrorContains(t, err, "Config."+field)
	}
	require.NotContains(t, err.Error(), "hidden-secret")
}

func TestLagAndReplay(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	b.send(t, 4, 1, 10)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 4, 10)
	operator, err := kafka.New(kafka.Config{Config: b.config, Group: "group", Topics: []string{topic}})
	require.NoError(t, err)
	_, err = operator.Replay(t.Context(), time.Unix(0, 0), true)
	require.ErrorContains(t, err, "stop the consumers first")
	m.stop(t)
	b.send(t, 4, 11, 12)

	lag, err := operator.Lag(t.Context())
	require.NoError(t, err)
	require.Len(t, lag, 3)
	behind := int64(0)
	for _, l := range lag {
		behind += max(0, l.Behind)
	}
	require.EqualValues(t, 8, behind)

	planned, err := operator.Replay(t.Context(), time.Unix(0, 0), false)
	require.NoError(t, err)
	again, err := operator.Lag(t.Context())
	require.NoError(t, err)
	require.Equal(t, lag, again, "a dry run changes nothing")
	moved, err := operator.Replay(t.Context(), time.Unix(0, 0), true)
	require.NoError(t, err)
	require.Equal(t, planned, moved)

	replayed := newAccount()
	m = b.start(t, replayed.receive, consume.Config{})
	replayed.require(t, 4, 12)
	m.stop(t)
}
