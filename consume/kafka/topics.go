package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/signalcast/signalcast/backends/backendkit"
)

// awaitTopics waits until all topics exist or ctx ends, and reports those that do not exist. The client does not report them. It would
// find a new topic only when it next refreshes its metadata, so awaitTopics forces a refresh.
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
