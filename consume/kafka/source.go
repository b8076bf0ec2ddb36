package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

var (
	_ consume.Source   = (*Source)(nil)
	_ consume.Operator = (*Source)(nil)
)

// Source reads topics for one group. It belongs to one [consume.Consumer].
type Source struct {
	config  Config
	schemas *kafkabus.Schemas

	mu        sync.Mutex
	running   bool
	publisher *kgo.Client // of dead letters; nil before the first one
}

// New returns a source. It does not connect, so brokers may be unreachable. If c is invalid, the error joins a
// *kafkaconfig.ConfigError for each fault.
func New(c Config) (*Source, error) {
	c, err := c.checked()
	if err != nil {
		return nil, err
	}
	c.Topics = slices.Clone(c.Topics)
	schemas, err := kafkabus.NewSchemas(c.Config)
	if err != nil {
		return nil, err
	}
	return &Source{config: c, schemas: schemas}, nil
}

// Group returns the name of the group.
func (s *Source) Group() string { return s.config.Group }

// String returns the brokers, the group and the topics, without credentials.
func (s *Source) String() string { return "kafka.Source{" + s.config.String() + "}" }

// Format writes String for every verb.
func (s *Source) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

var errNotRunning = errors.New("kafka: the source is not running")

// Publish writes a message to another topic, with its key, value and headers, and the given headers behind them. It works while
// Run is running. See [consume.Source].
func (s *Source) Publish(ctx context.Context, topic string, m *consume.Message, extra []consume.Field) error {
	from, ok := m.Raw.(*kgo.Record)
	if !ok {
		return fmt.Errorf("kafka: message %s: found a message of another source; want one of this source", m.Position())
	}
	record := &kgo.Record{Topic: topic, Key: from.Key, Value: from.Value}
	for _, h := range from.Headers {
		if !strings.HasPrefix(h.Key, consume.FieldPrefix) {
			record.Headers = append(record.Headers, h)
		}
	}
	for _, f := range extra {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: f.Name, Value: []byte(f.Value)})
	}
	client, err := s.publish()
	if err != nil {
		return err
	}
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	return nil
}

// publish returns the client for dead letters. It is not the one that reads, since it may create topics.
func (s *Source) publish() (*kgo.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return nil, errNotRunning
	}
	if s.publisher == nil {
		client, err := kgo.NewClient(s.publishOptions()...)
		if err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
		s.publisher = client
	}
	return s.publisher, nil
}

// setRunning allows Publish, or ends it.
func (s *Source) setRunning(running bool) {
	s.mu.Lock()
	publisher := s.publisher
	s.running, s.publisher = running, nil
	s.mu.Unlock()
	if publisher != nil {
		publisher.Close()
	}
}

// options returns the options that all clients of the source have.
func (s *Source) options() []kgo.Opt {
	c := s.config
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.Dialer(kafkabus.NewWire(c.Config).Dial),
		kgo.RequestTimeoutOverhead(c.RequestTimeout),
		kgo.DisableClientMetrics(),
	}
	if mechanism := kafkabus.Mechanism(c.Config); mechanism != nil {
		options = append(options, kgo.SASL(mechanism))
	}
	return options
}

// publishOptions returns the options of the client for dead letters.
func (s *Source) publishOptions() []kgo.Opt {
	return append(s.options(),
		kgo.MetadataMinAge(minMetadataAge),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.AllowAutoTopicCreation(),
		kgo.RecordDeliveryTimeout(s.config.DeliveryTimeout),
		kgo.ProducerBatchMaxBytes(int32(s.config.MaxMessageBytes)), //nolint:gosec // checked to be small
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(r *kgo.Record, partitions int) int { return kafkabus.Partition(r.Key, partitions) }
		})),
	)
}

// readOptions returns the options of a client that reads.
func (s *Source) readOptions() []kgo.Opt {
	c := s.config
	options := append(s.options(),
		kgo.ConsumeStartOffset(c.startOffset()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // records that were lost are counted, none is skipped
		kgo.MetadataMaxAge(c.MetadataMaxAge),
		kgo.MetadataMinAge(minMetadataAge),
		kgo.FetchMaxWait(maxFetchWait),
	)
	if c.Group == "" {
		return append(options, kgo.ConsumeTopics(c.Topics...))
	}
	options = append(options, // the reader adds the topics
		kgo.ConsumerGroup(c.Group),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(c.SessionTimeout),
		kgo.HeartbeatInterval(min(c.SessionTimeout/10, maxHeartbeat)),
		kgo.RebalanceTimeout(c.RebalanceTimeout),
	)
	if c.InstanceID != "" {
		options = append(options, kgo.InstanceID(c.InstanceID))
	}
	return options
}
