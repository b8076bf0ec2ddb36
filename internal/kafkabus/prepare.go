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
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
)

const (
	// registrations is the number of topics whose schemas are registered at the same time.
	registrations = 4
	// registryPatience is how long Prepare retries the registration of one schema.
	registryPatience = 30 * time.Second
)

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
	if err := errors.Join(faults...); err != nil || b.registerOnUse {
		return err
	}
	return b.registerRoutes(ctx, routes)
}

// registerRoutes registers the schemas of enabled routes, for several topics at the same time.
// It registers those of one topic one after the other, since its routes often share the
// schema of the key.
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
			break // the errors of earlier topics have the cause
		}
		registering.Go(func() {
			defer func() { <-slots }()
			for _, r := range topics[name] {
				for _, s := range []*signalcast.Schema{r.ValueSchema, r.KeySchema} {
					patient, cancel := context.WithTimeout(ctx, registryPatience)
					faults[i] = errors.Join(faults[i], b.registerPatiently(patient, name, s))
					if patient.Err() != nil {
						giveUp() // the registry is unreachable for the others too
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
	return ctx.Err() //nolint:wrapcheck // if ctx ended, some topics were left out
}

// registerPatiently registers a schema. It retries until ctx ends while the registry is
// unreachable.
func (b *Bus) registerPatiently(ctx context.Context, topic string, s *signalcast.Schema) error {
	var last error
	for failures := 0; ; failures++ {
		err := b.registry.register(ctx, topic, s)
		var schema *kafkaconfig.SchemaError
		if err == nil || errors.As(err, &schema) && schema.Rejected {
			return err
		}
		if last == nil && ctx.Err() == nil {
			b.Logger().WarnContext(ctx, "schema registry does not register a schema", slog.String("topic", topic), slog.Any("error", err))
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
