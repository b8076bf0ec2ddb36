package kafka

import (
	"context"

	"github.com/segmentio/kafka-go/sasl"
	franz "github.com/twmb/franz-go/pkg/sasl"
)

// mechanism adapts a mechanism of franz-go to kafka-go.
type mechanism struct{ franz.Mechanism }

func (m mechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	var host string
	if metadata := sasl.MetadataFromContext(ctx); metadata != nil {
		host = metadata.Host
	}
	session, first, err := m.Authenticate(ctx, host)
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // between two libraries
	}
	return challenged{session}, first, nil
}

type challenged struct{ franz.Session }

func (c challenged) Next(_ context.Context, challenge []byte) (done bool, response []byte, err error) {
	return c.Challenge(challenge) //nolint:wrapcheck // between two libraries
}
