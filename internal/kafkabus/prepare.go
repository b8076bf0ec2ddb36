package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
)

// registrations is the number of topics whose schemas are registered at the same time.
const registrations = 4

// prepare checks the names of topics and schemas of all routes. It registers the schemas of
// the enabled ones, unless Config.RegisterOnUse is set. It returns every fault.
func (b *Bus) prepare(ctx context.Context, routes []signalcast.Route) error {
	var faults []error
	for _, r := range routes {
		faults = append(faults, checkTopic(r), checkSchema(r, r.ValueSchema), checkSchema(r, r.KeySchema))
		if r.ValueSchema != nil && b.registry.client == nil {
			faults = append(faults, &kafkaconfig.SchemaError{Subject: subject(r.Topic, r.ValueSchema), Rejected: true, Err: errNoRegistry})
		}
	}
	if b.requireTopics {
		faults = append(faults, b.checkTopics(ctx, routes))
	}
	if err := errors.Join(faults...); err != nil || b.registerOnUse {
		return err
	}
	return b.registerRoutes(ctx, routes)
}

// checkTopics asks the brokers for the topics of enabled routes.
func (b *Bus) checkTopics(ctx context.Context, routes []signalcast.Route) error {
	topics := map[string]string{} // to an event type
	for _, r := range routes {
		if r.Enabled {
			topics[r.Topic] = r.EventType
		}
	}
	names := slices.Sorted(maps.Keys(topics))
	if len(names) == 0 {
		return nil
	}
	found, err := b.writer.Topics(ctx, names)
	if err != nil {
		return fmt.Errorf("asking for the topics, which Config.RequireTopics requires: %w", err)
	}
	var faults []error
	for _, name := range names {
		if fault := found[name]; fault != nil {
			faults = append(faults, fmt.Errorf("event type %q: topic %q: %w; want a topic that exists, or Config.RequireTopics false",
				topics[name], name, fault))
		}
	}
	return errors.Join(faults...)
}

// registerRoutes registers the schemas of enabled routes, for several topics at the same time.
// It registers those of one topic one after the other, since its routes often share the
// schema of the key. If the registry is unreachable for Config.SchemaTimeout, the rest is
// registered with the first messages.
func (b *Bus) registerRoutes(caller context.Context, routes []signalcast.Route) error {
	ctx, giveUp := context.WithTimeout(caller, b.schemaTimeout)
	defer giveUp()
	topics := map[string][]signalcast.Route{}
	for _, r := range routes {
		if r.Enabled {
			topics[r.Topic] = append(topics[r.Topic], r)
		}
	}
	names := slices.Sorted(maps.Keys(topics))
	faults := make([]error, len(names))
	slots := make(chan struct{}, registrations)
	var registering sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		if ctx.Err() != nil && i > 0 {
			break // the errors of earlier topics have the cause
		}
		registering.Go(func() {
			defer func() { <-slots }()
			for _, r := range topics[name] {
				for _, s := range []*signalcast.Schema{r.ValueSchema, r.KeySchema} {
					faults[i] = errors.Join(faults[i], b.registerPatiently(ctx, name, s, func(err error) {
						b.Logger().WarnContext(ctx, "schema registry does not register a schema", slog.String("topic", name), slog.Any("error", err))
					}))
				}
			}
		})
	}
	registering.Wait()
	err := errors.Join(faults...)
	switch {
	case caller.Err() != nil && err == nil:
		return caller.Err() //nolint:wrapcheck // some topics were left out
	case ctx.Err() == nil || caller.Err() != nil || isRejection(err):
		return err
	default:
		b.Logger().WarnContext(caller, "schema registry is unreachable, registering schemas with the first messages", slog.Any("error", err))
		return nil
	}
}

// isRejection reports whether the registry has rejected a schema.
func isRejection(err error) bool {
	switch e := err.(type) { //nolint:errorlint // every error of the tree is looked at
	case *kafkaconfig.SchemaError:
		return e.Rejected
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), isRejection)
	default:
		return false
	}
}

// registerPatiently registers a schema. It retries until ctx ends while the registry is
// unreachable, and calls failed after the first failure.
func (b *Bus) registerPatiently(ctx context.Context, topic string, s *signalcast.Schema, failed func(error)) error {
	var last error
	for failures := 0; ; failures++ {
		err := b.registry.register(ctx, topic, s)
		var schema *kafkaconfig.SchemaError
		if err == nil || errors.As(err, &schema) && schema.Rejected {
			return err
		}
		if last == nil && ctx.Err() == nil {
			failed(err)
		}
		if last == nil || ctx.Err() == nil {
			last = err // the cause, rather than the end of ctx
		}
		if backendkit.Pause(ctx, failures+1, 0) != nil {
			return last
		}
	}
}

func checkTopic(r signalcast.Route) error {
	const longest = 249
	if r.Topic != "" && len(r.Topic) <= longest && consistsOf(r.Topic, "._-") && r.Topic != "." && r.Topic != ".." {
		return nil
	}
	return fmt.Errorf("event type %q: topic %q: found a name that Kafka does not allow; "+
		"want 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-', but not %q or %q",
		r.EventType, r.Topic, ".", "..")
}

// checkSchema checks the name of a record. Registries are stricter about it than encoders.
func checkSchema(r signalcast.Route, s *signalcast.Schema) error {
	if s == nil {
		return nil
	}
	for part := range strings.SplitSeq(s.Name, ".") {
		if part == "" || isDigit(rune(part[0])) || !consistsOf(part, "_") {
			return fmt.Errorf("event type %q: found %q in the namespace of its Avro schema; "+
				"want letters, digits and '_' between the dots, not starting with a digit "+
				"(schema registries require it; Redis and the JSON codec do not)", r.EventType, part)
		}
	}
	return nil
}

// consistsOf reports whether the name has only ASCII letters, digits and the others.
func consistsOf(name, others string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !isDigit(c) && !strings.ContainsRune(others, c)
	})
}

func isDigit(c rune) bool { return '0' <= c && c <= '9' }
