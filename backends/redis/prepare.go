package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalcast/signalcast"
)

// Prepare checks the names of the streams. A name must not be empty, and, if the server is
// reachable, no key of that name may hold another type. Prepare also reports a server that rejects
// the credentials, or the command that Config.Replicas or Config.Synced needs. Redis accepts every
// other name and content type; consumers of the Open edX event bus read Avro only.
func (b *Backend) Prepare(ctx context.Context, routes []signalcast.Route) error {
	if b.closed.Load() {
		return signalcast.ErrClosed
	}
	var faults []error
	checked := map[string]bool{}
	reachable := true
	for _, r := range routes {
		if r.Topic == "" {
			faults = append(faults, fmt.Errorf(
				"redis: event type %q: found an empty topic; want the name of a stream", r.EventType))
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
			faults = append(faults, fmt.Errorf("redis: the server rejects the connection: %w", err))
		case err != nil:
			reachable = false
		case holds != "stream" && holds != "none":
			faults = append(faults, fmt.Errorf(
				"redis: topic %q: found a %s; want a stream or no key", r.Topic, holds))
		}
	}
	return errors.Join(faults...)
}

// typeOf returns the type of the key as TYPE does, and "none" if the user may not ask.
func (b *Backend) typeOf(ctx context.Context, key string) (string, error) {
	session, err := b.servers.get(ctx, &stream{name: key}, time.Now().Add(b.deliveryTimeout))
	if err != nil {
		return "", err
	}
	var holds string
	err = guarded(func() (err error) {
		holds, err = session.conn.Type(ctx, key).Result()
		return err //nolint:wrapcheck // only its kind matters
	})
	if (err == nil || isReply(err)) && session.node.durability.needed() {
		if err := session.tryWait(ctx); err != nil {
			b.servers.retire(session)
			return "", err
		}
	}
	if err != nil {
		b.servers.retire(session)
		if isReply(err) { // the user may not ask
			return "none", nil
		}
		return "", err
	}
	session.node.put(session)
	return holds, nil
}
