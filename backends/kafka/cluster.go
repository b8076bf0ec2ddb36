package kafka

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"

	"github.com/signalcast/signalcast/internal/kafkabus"
)

// cluster is everything that is asked of kafka-go: its connections and its
// knowledge of where partitions are.
type cluster struct {
	seeds     net.Addr
	transport *kafka.Transport
	wire      *kafkabus.Wire
	timeout   time.Duration

	mu        sync.Mutex
	refreshed time.Time
}

func newCluster(c kafkabus.Config) *cluster {
	wire := kafkabus.NewWire(c)
	transport := &kafka.Transport{Dial: wire.Dial, DialTimeout: c.DialTimeout, ClientID: c.ClientID}
	if m := kafkabus.Mechanism(c); m != nil {
		transport.SASL = mechanism{m}
	}
	return &cluster{seeds: kafka.TCP(c.Brokers...), transport: transport, wire: wire, timeout: c.RequestTimeout}
}

// partitions returns how many partitions the topic has. Brokers that are
// configured to create topics on use create it.
func (c *cluster) partitions(ctx context.Context, topic string) (int, error) {
	r, err := ask[*metadata.Response](ctx, c, &metadata.Request{TopicNames: []string{topic}, AllowAutoTopicCreation: true})
	switch {
	case err != nil:
		return 0, err
	case len(r.Topics) != 1:
		return 0, errUnexpectedAnswer
	case r.Topics[0].ErrorCode != 0:
		return 0, kafka.Error(r.Topics[0].ErrorCode) //nolint:wrapcheck // wrapped where it is reported
	case len(r.Topics[0].Partitions) == 0:
		return 0, kafka.LeaderNotAvailable
	default:
		return len(r.Topics[0].Partitions), nil
	}
}

// sequence returns the first sequence of a new producer.
func (c *cluster) sequence(ctx context.Context) (sequence, error) {
	r, err := ask[*initproducerid.Response](ctx, c, &initproducerid.Request{ProducerID: -1, ProducerEpoch: -1})
	switch {
	case err != nil:
		return sequence{}, err
	case r.ErrorCode != 0:
		return sequence{}, kafka.Error(r.ErrorCode) //nolint:wrapcheck // wrapped where it is reported
	default:
		return sequence{producer: r.ProducerID, epoch: r.ProducerEpoch}, nil
	}
}

// ask returns the answer to a request, which kafka-go takes to the broker that it is for.
func ask[Answer protocol.Message](ctx context.Context, c *cluster, request protocol.Message) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	message, err := c.transport.RoundTrip(ctx, c.seeds, request)
	answer, ok := message.(Answer)
	if err == nil && !ok {
		err = errUnexpectedAnswer
	}
	return answer, err
}

// produced is what became of a produce request.
type produced struct {
	offset int64 // of the first record where err is nil, or -1 if it is not known
	err    error // a kafka.Error is the broker's answer
	// mayBeWritten says that the batch can be there though err is not nil.
	mayBeWritten bool
	// answered says that the broker has read the batch; else it may still be sent.
	answered bool
}

// produce writes a batch to a partition. Unless it is answered, the batch must not
// be changed any more.
func (c *cluster) produce(ctx context.Context, topic string, partition int32, batch []byte) produced {
	before := c.wire.Began()
	const allInSync = -1
	r, err := ask[*produce.Response](ctx, c, &rawproduce.Request{
		Acks: allInSync,
		// The broker gives up waiting for replicas, and says so, before ask does.
		Timeout: int32(c.timeout.Milliseconds() / 2), //nolint:gosec // checked to be small
		Topics: []rawproduce.RequestTopic{{
			Topic: topic,
			Partitions: []rawproduce.RequestPartition{{
				Partition: partition,
				RecordSet: protocol.RawRecordSet{Reader: bytes.NewReader(batch)},
			}},
		}},
	})
	if err != nil {
		return produced{err: err, mayBeWritten: !unsent(err) && c.wire.Began() != before}
	}
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		return produced{err: errUnexpectedAnswer, mayBeWritten: true, answered: true}
	}
	p := r.Topics[0].Partitions[0]
	switch code := kafka.Error(p.ErrorCode); code {
	case 0:
		return produced{offset: p.BaseOffset, answered: true}
	case kafka.DuplicateSequenceNumber:
		return produced{offset: -1, answered: true}
	default:
		return produced{err: code, mayBeWritten: !insteadOfWriting(code), answered: true}
	}
}

var errUnexpectedAnswer = errors.New("unexpected answer of the broker")

// unsent reports whether err came before anything was sent.
func unsent(err error) bool {
	var (
		dial      *kafkabus.DialError
		routing   *rawproduce.Error
		rejection kafka.Error // of the broker, while connecting
	)
	return errors.As(err, &dial) || errors.As(err, &routing) || errors.As(err, &rejection)
}

const refreshInterval = 250 * time.Millisecond

// refresh makes the transport look again where partitions are: it does so with
// new connections, for which the old ones are retired.
func (c *cluster) refresh() {
	c.mu.Lock()
	due := time.Since(c.refreshed) >= refreshInterval
	if due {
		c.refreshed = time.Now()
	}
	c.mu.Unlock()
	if due {
		c.transport.CloseIdleConnections()
	}
}

func (c *cluster) close() {
	c.transport.CloseIdleConnections()
	c.wire.Close()
}
