package kafkatest

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// Fence lets a message fail with an unknown fate while the broker hangs, and then the broker read its request. The
// message must not appear behind later messages of its key.
func Fence(t *testing.T, open Open) {
	t.Helper()
	cluster := NewCluster(t, kfake.DefaultNumPartitions(1))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := open(kafkabus.Config{Brokers: cluster.ListenAddrs(), DeliveryTimeout: time.Second, RequestTimeout: 200 * time.Millisecond})
	check(err)
	t.Cleanup(func() { _ = b.Close(t.Context()) })
	outcomes := make(chan error, 3)
	publish := func(n int) {
		t.Helper()
		check(b.Publish(t.Context(), Numbered("topic", 1, n), func(_ signalcast.Receipt, err error) { outcomes <- err }))
	}
	publish(1)
	check(<-outcomes)

	var hanging atomic.Bool
	hanging.Store(true)
	held := make(chan *kmsg.ProduceRequest, 100)
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		produce, ok := request.(*kmsg.ProduceRequest)
		if !ok || !hanging.Load() {
			return nil, nil, false
		}
		held <- produce
		return nil, nil, true
	})
	publish(2)
	if failure, ok := errors.AsType[*signalcast.DeliveryError](<-outcomes); !ok || failure.Fate != signalcast.FateUnknown {
		t.Fatalf("got %v; want an error with FateUnknown", failure)
	}
	hanging.Store(false)
	publish(3)
	check(<-outcomes)

	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.Produce), 9) // later versions name topics by ID
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.MaxVersions(versions), kgo.DisableClientMetrics())
	check(err)
	t.Cleanup(client.Close)
	late := <-held
	late.Topics[0].Topic = "topic"
	response, err := late.RequestWith(t.Context(), client)
	check(err)
	if got := kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode); !errors.Is(got, kerr.InvalidProducerEpoch) {
		t.Fatalf("the late request got %v; want %v", got, kerr.InvalidProducerEpoch)
	}

	var values []string
	for _, r := range cluster.Read(t, "topic") {
		values = append(values, string(r.Value))
	}
	if !slices.Equal(values, []string{"1", "3"}) {
		t.Fatalf("got the messages %v; want 1 and 3", values)
	}
}
