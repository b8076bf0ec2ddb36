package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
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

// cluster is the part of kafka-go that the backend uses: connections, and the routing of requests
// to the leaders of partitions.
//
// kafka-go reads the leaders of all partitions again on new connections, for which it may wait for a
// broker that does not reply. So it has two transports. After a failure, control reads the leaders,
// while data continues to write to other brokers. data connects anew only if the leaders have changed.
type cluster struct {
	seeds         net.Addr
	data, control *kafka.Transport
	wire          *kafkabus.Wire
	timeout       time.Duration

	mu        sync.Mutex
	refreshed time.Time
}

func newCluster(c kafkabus.Config) *cluster {
	wire := kafkabus.NewWire(c)
	transport := func() *kafka.Transport {
		t := &kafka.Transport{Dial: wire.Dial, DialTimeout: c.DialTimeout, MetadataTTL: c.MetadataMaxAge, ClientID: c.ClientID}
		if m := kafkabus.Mechanism(c); m != nil {
			t.SASL = mechanism{m}
		}
		return t
	}
	return &cluster{seeds: kafka.TCP(c.Brokers...), data: transport(), control: transport(), wire: wire, timeout: c.RequestTimeout}
}

// leaders returns the IDs of the brokers that lead the partitions of the topic, by partition; -1
// without a leader. Brokers that create topics on use create it. After a failure, it does not rely on
// what data knows.
func (c *cluster) leaders(ctx context.Context, topic string, failed bool) ([]int32, error) {
	transport := c.data
	if failed {
		transport = c.control
	} else {
		c.rest()
	}
	r, err := request[*metadata.Response](ctx, c, transport, &metadata.Request{TopicNames: []string{topic}, AllowAutoTopicCreation: true})
	switch {
	case err != nil:
		return nil, err
	case len(r.Topics) != 1:
		return nil, errUnexpectedResponse
	case r.Topics[0].ErrorCode != 0:
		return nil, kafka.Error(r.Topics[0].ErrorCode) //nolint:wrapcheck // wrapped where it is reported
	case len(r.Topics[0].Partitions) == 0:
		return nil, kafka.LeaderNotAvailable
	}
	if failed {
		c.update(ctx, r)
	}
	leaders := make([]int32, len(r.Topics[0].Partitions))
	for _, p := range r.Topics[0].Partitions {
		if p.PartitionIndex < 0 || int(p.PartitionIndex) >= len(leaders) {
			return nil, errUnexpectedResponse
		}
		leaders[p.PartitionIndex] = p.LeaderID
	}
	return leaders, nil
}

// update makes data connect anew if it knows other leaders of a topic than current, or none. If data
// is connecting, it continues.
func (c *cluster) update(ctx context.Context, current *metadata.Response) {
	const aMoment = 10 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, aMoment)
	defer cancel()
	known, err := request[*metadata.Response](ctx, c, c.data, &metadata.Request{TopicNames: []string{current.Topics[0].Name}})
	if ctx.Err() != nil || err == nil && sameLeaders(known, current) {
		return
	}
	c.data.CloseIdleConnections()
}

// sameLeaders reports whether two responses about one topic have the same leaders and brokers.
func sameLeaders(a, b *metadata.Response) bool {
	return slices.Equal(a.Brokers, b.Brokers) &&
		slices.EqualFunc(a.Topics[0].Partitions, b.Topics[0].Partitions, func(a, b metadata.ResponsePartition) bool {
			return a.PartitionIndex == b.PartitionIndex && a.LeaderID == b.LeaderID
		})
}

// topics asks a broker for topics and returns the error of each topic that has one.
func (c *cluster) topics(ctx context.Context, names []string) (map[string]error, error) {
	c.control.CloseIdleConnections() // kafka-go replies from what it knows, which new connections refresh
	defer c.control.CloseIdleConnections()
	r, err := request[*metadata.Response](ctx, c, c.control, &metadata.Request{TopicNames: names})
	if err != nil {
		if dialErr := c.wire.DialErr(); dialErr != nil {
			err = dialErr
		}
		return nil, err
	}
	faults := map[string]error{}
	for _, t := range r.Topics {
		if t.ErrorCode != 0 {
			faults[t.Name] = explain(kafka.Error(t.ErrorCode))
		}
	}
	return faults, nil
}

// sequence returns the first sequence of a new producer.
func (c *cluster) sequence(ctx context.Context) (sequence, error) {
	r, err := request[*initproducerid.Response](ctx, c, c.data, &initproducerid.Request{ProducerID: -1, ProducerEpoch: -1})
	switch {
	case err != nil:
		return sequence{}, err
	case r.ErrorCode != 0:
		return sequence{}, kafka.Error(r.ErrorCode) //nolint:wrapcheck // wrapped where it is reported
	default:
		return sequence{producer: r.ProducerID, epoch: r.ProducerEpoch}, nil
	}
}

// request sends a request to the broker that kafka-go selects, and returns the response.
func request[Response protocol.Message](ctx context.Context, c *cluster, t *kafka.Transport, message protocol.Message) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	received, err := t.RoundTrip(ctx, c.seeds, message)
	response, ok := received.(Response)
	if err == nil && !ok {
		err = errUnexpectedResponse
	}
	return response, err
}

// produced is the result of a produce request.
type produced struct {
	offset int64 // of the first record if err is nil, or -1 if unknown
	err    error // a kafka.Error if the broker replied with it
	// mayBeWritten is true if err is not nil and the batch may have been written.
	mayBeWritten bool
	// replied is true if the broker has read the batch. Otherwise the client may still send it.
	replied bool
}

// produce writes a batch to a partition. If the broker did not reply, the memory of the batch must
// not be used again.
func (c *cluster) produce(ctx context.Context, topic string, partition int32, batch []byte) produced {
	before := c.wire.Requests()
	const allInSync = -1
	r, err := request[*produce.Response](ctx, c, c.data, &rawproduce.Request{
		Acks: allInSync,
		// The broker stops waiting for replicas, and replies so, before the request times out.
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
		return produced{err: c.named(err), mayBeWritten: !unsent(err) && c.wire.Requests() != before}
	}
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		return produced{err: errUnexpectedResponse, mayBeWritten: true, replied: true}
	}
	p := r.Topics[0].Partitions[0]
	switch code := kafka.Error(p.ErrorCode); code {
	case 0:
		return produced{offset: p.BaseOffset, replied: true}
	case kafka.DuplicateSequenceNumber:
		return produced{offset: -1, replied: true}
	default:
		return produced{err: code, mayBeWritten: !certainlyNotWritten(code), replied: true}
	}
}

var errUnexpectedResponse = errors.New("unexpected response of the broker")

var errUnknownLeader = errors.New("the leader of the partition is unknown")

// named returns err, or errUnknownLeader with the last failure to connect if kafka-go does not know
// where to send the request. Its own error says that the topic does not exist.
func (c *cluster) named(err error) error {
	var routing *rawproduce.Error
	switch dialErr := c.wire.DialErr(); {
	case !errors.As(err, &routing):
		return err
	case dialErr != nil:
		return fmt.Errorf("%w: %w", errUnknownLeader, dialErr)
	default:
		return errUnknownLeader
	}
}

// unsent reports whether err occurred before the request was sent.
func unsent(err error) bool {
	var (
		dial      *kafkabus.DialError
		routing   *rawproduce.Error
		rejection kafka.Error // of the broker, while connecting
	)
	return errors.As(err, &dial) || errors.As(err, &routing) || errors.As(err, &rejection)
}

const refreshInterval = 250 * time.Millisecond

// refresh makes control ask again for the leaders of partitions, which it does on new connections
// only. It has no effect within refreshInterval of the last call.
func (c *cluster) refresh() {
	c.mu.Lock()
	due := time.Since(c.refreshed) >= refreshInterval
	if due {
		c.refreshed = time.Now()
	}
	c.mu.Unlock()
	if due {
		c.control.CloseIdleConnections()
	}
}

// rest ends the connection of control, and its regular requests, some time after the last failure.
func (c *cluster) rest() {
	const long = 10 * time.Second
	c.mu.Lock()
	due := !c.refreshed.IsZero() && time.Since(c.refreshed) >= long
	c.mu.Unlock()
	if due {
		c.control.CloseIdleConnections()
	}
}

func (c *cluster) close() {
	c.data.CloseIdleConnections()
	c.control.CloseIdleConnections()
	c.wire.Close()
}
