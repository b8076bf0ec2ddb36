package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

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
	client  atomic.Pointer[kgo.Client] // of the present Run
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
	client := s.client.Load()
	if client == nil {
		return errNotRunning
	}
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
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	return nil
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

// readOptions returns the options of a client that reads.
func (s *Source) readOptions() []kgo.Opt {
	c := s.config
	start := kgo.NewOffset().AtEnd()
	switch {
	case c.Start.IsEarliest():
		start = kgo.NewOffset().AtStart()
	case !c.Start.Time().IsZero():
		start = kgo.NewOffset().AfterMilli(c.Start.Time().UnixMilli())
	}
	options := append(s.options(),
		kgo.ConsumeTopics(c.Topics...),
		kgo.ConsumeStartOffset(start),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // records that were lost are counted, none is skipped
		kgo.MetadataMaxAge(maxMetadataAge),
		kgo.MetadataMinAge(minMetadataAge),
		kgo.FetchMaxWait(maxFetchWait),
		// For dead letters.
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.AllowAutoTopicCreation(),
		kgo.RecordDeliveryTimeout(c.DeliveryTimeout),
		kgo.ProducerBatchMaxBytes(int32(c.MaxMessageBytes)), //nolint:gosec // checked to be small
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(r *kgo.Record, partitions int) int { return kafkabus.Partition(r.Key, partitions) }
		})),
	)
	if c.Group == "" {
		return options
	}
	options = append(options,
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
