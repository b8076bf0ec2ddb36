package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/signalcast/signalcast/backends/backendkit"
)

// awaitTopics reports topics that do not exist, until all exist or ctx ends. The client ignores such topics, and would look for
// them only with the next refresh of its metadata.
func (r *reader) awaitTopics(ctx context.Context) {
	admin := kadm.NewClient(r.client)
	missing := map[string]bool{}
	for failures := 1; ; failures++ {
		found, err := admin.ListTopics(ctx, r.source.config.Topics...)
		if err == nil {
			for _, topic := range found {
				switch {
				case errors.Is(topic.Err, kerr.UnknownTopicOrPartition):
					missing[topic.Topic] = true
					r.in.Failed(topic.Topic, fmt.Errorf("kafka: %w", topic.Err))
				case missing[topic.Topic]:
					delete(missing, topic.Topic)
					r.client.ForceMetadataRefresh()
					r.in.Works(topic.Topic)
				}
			}
			if len(missing) == 0 {
				return
			}
		}
		if backendkit.Pause(ctx, failures, 0) != nil {
			return
		}
	}
}
