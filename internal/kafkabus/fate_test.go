package kafkabus_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// franz-go fails a record while its request is being written, if the leader stops reading and
// another broker reports that the partition has no leader. kafka-go waits for the write.
func TestFateOfRecordThatTimesOutDuringItsWriteIsUnknown(t *testing.T) {
	t.Parallel()
	const large = 16 << 20 // more than the buffers of a connection hold
	cluster := kafkatest.NewCluster(t)
	open := func(c kafkabus.Config) (signalcast.Backend, error) { return franz.New(c) }
	b := start(t, open, kafkabus.Config{
		Brokers: cluster.ListenAddrs(), DeliveryTimeout: 3 * soon, RequestTimeout: patience,
		MaxMessageBytes: 2 * large, BufferBytes: 2 * large,
	})
	delivered(t, publish(t, b, plain.message("topic", "key", 1)))
	brokers, err := admin(t, cluster).ListBrokers(t.Context())
	require.NoError(t, err)
	resume := cluster.StallProduceRequests()
	defer resume()
	cluster.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		response, _ := request.ResponseKind().(*kmsg.MetadataResponse)
		for _, b := range brokers {
			known := kmsg.MetadataResponseBroker{NodeID: b.NodeID, Host: b.Host, Port: b.Port, Rack: b.Rack}
			response.Brokers = append(response.Brokers, known)
		}
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.ErrorCode = new("topic"), kerr.LeaderNotAvailable.Code
		response.Topics = append(response.Topics, topic)
		return response, nil, true
	})
	m := plain.message("topic", "key", 2)
	m.Event.Value = make([]byte, large)
	err = failure(t, publish(t, b, m), signalcast.FateUnknown)
	require.ErrorIs(t, err, signalcast.ErrDeliveryTimeout)
}
