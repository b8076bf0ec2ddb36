package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalcast/signalcast"
)

// Prepare checks the names of the streams: none is empty and, as far as the
// server can be asked now, no key of that name holds another type. Credentials
// that the server refuses are reported as well. Redis takes every other name, and
// values of any content type; consumers of the Open edX event bus read Avro only.
func (b *Backend) Prepare(ctx context.Context, routes []signalcast.Route) error {
	var faults []error
	checked := map[string]bool{}
	reachable := true
	for _, r := range routes {
		if r.Topic == "" {
			faults = append(faults, fmt.Errorf(
				"redis: event type %q: the topic is empty; a stream has a name", r.EventType))
			continue
		}
		if checked[r.Topic] || !reachable {
			continue
		}
		checked[r.Topic] = true
		holds, err := b.typeOf(ctx, r.Topic)
		switch {
		case err != nil && !heals(err):
			reachable = false
			faults = append(faults, fmt.Errorf("redis: the server refuses this client: %w", err))
		case err != nil:
			reachable = false
		case holds != "stream" && holds != "none":
			faults = append(faults, fmt.Errorf(
				"redis: topic %q: the key holds a %s; it has to be a stream or not to exist", r.Topic, holds))
		}
	}
	return errors.Join(faults...)
}

// typeOf returns what the key holds, in the words of the server's TYPE, and
// "none" where it cannot be told.
func (b *Backend) typeOf(ctx context.Context, key string) (string, error) {
	session, err := b.sessions.get(ctx, key, time.Now().Add(b.deliveryTimeout))
	if err != nil {
		return "", err
	}
	var holds string
	err = guarded(func() (err error) {
		holds, err = session.conn.Type(ctx, key).Result()
		return err //nolint:wrapcheck // only its kind matters
	})
	if err != nil {
		b.sessions.retire(ctx, session)
		if isReply(err) { // the user may not ask
			return "none", nil
		}
		return "", err
	}
	b.sessions.put(session)
	return holds, nil
}
