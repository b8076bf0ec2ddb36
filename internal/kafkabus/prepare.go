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
	"time"

	"github.com/signalcast/signalcast"
)

const (
	// registrations is for how many topics schemas are registered at the same time.
	registrations = 4
	// registryPatience is how long Prepare tries to register one schema.
	registryPatience = 30 * time.Second
)

// prepare checks the names of topics and schemas of all routes, and registers
// the schemas of the enabled ones unless that is left to the first message. It
// returns every fault.
func (b *Bus) prepare(ctx context.Context, routes []signalcast.Route) error {
	var faults []error
	for _, r := range routes {
		faults = append(faults, checkTopic(r), checkSchema(r, r.ValueSchema), checkSchema(r, r.KeySchema))
		if r.ValueSchema != nil && b.registry.client == nil {
			faults = append(faults, &SchemaError{Subject: subject(r.Topic, r.ValueSchema), Refused: true, Err: errNoRegistry})
		}
	}
	if err := errors.Join(faults...); err != nil || b.registerOnUse {
		return err
	}
	return b.registerRoutes(ctx, routes)
}

// registerRoutes registers the schemas of enabled routes, of several topics at
// the same time. Routes of one topic often share the schema of the key.
func (b *Bus) registerRoutes(ctx context.Context, routes []signalcast.Route) error {
	ctx, giveUp := context.WithCancel(ctx)
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
			break // what was tried says why
		}
		registering.Go(func() {
			defer func() { <-slots }()
			for _, r := range topics[name] {
				for _, s := range []*signalcast.Schema{r.ValueSchema, r.KeySchema} {
					patient, cancel := context.WithTimeout(ctx, registryPatience)
					faults[i] = errors.Join(faults[i], b.registerPatiently(patient, name, s))
					if patient.Err() != nil {
						giveUp() // the registry is away, for the others too
					}
					cancel()
				}
			}
		})
	}
	registering.Wait()
	if err := errors.Join(faults...); err != nil {
		return err
	}
	return ctx.Err() //nolint:wrapcheck // some were left out if it ended
}

// registerPatiently registers a schema and tries again while the registry is
// away, until ctx ends.
func (b *Bus) registerPatiently(ctx context.Context, topic string, s *signalcast.Schema) error {
	var last error
	for failures := 0; ; failures++ {
		err := b.registry.register(ctx, topic, s)
		var schema *SchemaError
		if err == nil || errors.As(err, &schema) && schema.Refused {
			return err
		}
		if last == nil && ctx.Err() == nil {
			b.log.WarnContext(ctx, "schema registry does not register a schema", slog.String("topic", topic), slog.Any("error", err))
		}
		if last == nil || ctx.Err() == nil {
			last = err // rather why the registry could not be reached than that time is up
		}
		if Pause(ctx, failures) != nil {
			return last
		}
	}
}

func checkTopic(r signalcast.Route) error {
	const longest = 249
	if r.Topic != "" && len(r.Topic) <= longest && consistsOf(r.Topic, "._-") && r.Topic != "." && r.Topic != ".." {
		return nil
	}
	return fmt.Errorf("event type %q: topic %q is not a legal name in Kafka: "+
		"allowed are 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-', but not %q and %q",
		r.EventType, r.Topic, ".", "..")
}

// checkSchema looks at the name of a record, which registries check more
// strictly than encoders do.
func checkSchema(r signalcast.Route, s *signalcast.Schema) error {
	if s == nil {
		return nil
	}
	for part := range strings.SplitSeq(s.Name, ".") {
		if part == "" || isDigit(rune(part[0])) || !consistsOf(part, "_") {
			return fmt.Errorf("event type %q: the event type is the namespace of its Avro schema, where %q is illegal: "+
				"allowed are letters, digits and '_' between the dots, not beginning with a digit; "+
				"schema registries refuse it, while Redis and the JSON codec have no such rule", r.EventType, part)
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
