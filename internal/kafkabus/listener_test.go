package kafkabus_test

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// metadataAt returns the response of a cluster whose only broker advertises an address. If code is 0, the cluster has one topic. Otherwise
// the response has the error code for each topic of the request.
func metadataAt(t *testing.T, address string, request kmsg.Request, code int16) kmsg.Response {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	number, err := strconv.ParseInt(port, 10, 32)
	require.NoError(t, err)
	broker := kmsg.NewMetadataResponseBroker()
	broker.Host, broker.Port = host, int32(number)
	response := kmsg.NewPtrMetadataResponse()
	response.SetVersion(request.GetVersion())
	response.Brokers = append(response.Brokers, broker)
	topics := []string{"topic"}
	if code != 0 {
		topics = nil // a request for all topics returns no topic that is denied
		for _, asked := range request.(*kmsg.MetadataRequest).Topics {
			topics = append(topics, *asked.Topic)
		}
	}
	for _, name := range topics {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.ErrorCode = &name, code
		if code == 0 {
			partition := kmsg.NewMetadataResponseTopicPartition()
			partition.Replicas, partition.ISR = []int32{0}, []int32{0}
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

func TestWrongAdvertisedListenerIsNamed(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		for _, wrong := range []struct {
			name, address, want string
			connects            bool // the last attempt to send may end with the delivery timeout, without a cause
		}{
			{"no listener", "127.0.0.1:1", "refused", false},
			{"name is unknown", "broker.invalid:9092", "lookup broker.invalid", false},
			{"no Kafka", notKafka(t, "-ERR unknown command\r\n"), "another protocol", true},
			{"silent", notKafka(t, ""), "", true},
		} {
			t.Run(wrong.name, func(t *testing.T) {
				t.Parallel()
				var log warnings
				cluster := kafkatest.NewCluster(t)
				cluster.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
					cluster.KeepControl()
					return metadataAt(t, wrong.address, request, 0), nil, true
				})
				b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), DeliveryTimeout: 3 * soon, DialTimeout: soon / 4, RequestTimeout: soon, Logger: log.logger()})
				known := publish(t, b, plain.message("topic", "key", 1))
				var troubles []signalcast.Trouble
				require.Eventually(t, func() bool {
					troubles = b.(interface{ Troubles() []signalcast.Trouble }).Troubles()
					var advertised *kafkaconfig.AdvertisedError
					return len(troubles) == 1 && errors.As(troubles[0].Err, &advertised)
				}, patience, time.Millisecond)
				requireAdvertised(t, wrong.address, wrong.want, troubles[0].Err)
				err := await(t, known).err
				require.ErrorIs(t, err, signalcast.ErrDeliveryTimeout)
				if !wrong.connects {
					requireAdvertised(t, wrong.address, wrong.want, err)
				}
				require.Contains(t, log.String(), wrong.address+", which a broker advertises: ")
				require.Less(t, strings.Count(log.String(), "level=WARN"), 10, log.String())
			})
		}
	})
}

func requireAdvertised(t *testing.T, address, cause string, err error) {
	t.Helper()
	var advertised *kafkaconfig.AdvertisedError
	require.ErrorAs(t, err, &advertised)
	require.Equal(t, address, advertised.Address)
	require.Contains(t, err.Error(), address+", which a broker advertises: ")
	require.Contains(t, err.Error(), cause)
	require.Contains(t, err.Error(), "; want a broker there, or another address in its advertised.listeners")
}

func TestConfiguredAddressIsNotCalledAdvertised(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		b := start(t, open, kafkabus.Config{Brokers: []string{nowhere}, DeliveryTimeout: soon})
		err := failure(t, publish(t, b, plain.message("topic", "key", 1)), signalcast.FateNotWritten)
		var advertised *kafkaconfig.AdvertisedError
		require.NotErrorAs(t, err, &advertised)
	})
}

// notKafka returns the address of a server that replies with a text and closes the connection. If the text is empty, it keeps the connection
// open without a reply.
func notKafka(t *testing.T, reply string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = c.Read(make([]byte, 1))
				if reply == "" {
					_, _ = io.Copy(io.Discard, c)
				}
				_, _ = io.WriteString(c, reply)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}
