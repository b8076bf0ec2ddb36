package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/signalcast/signalcast"
)

// Schemas reads the schemas of writers from the registry, and keeps those it has read. It is safe for concurrent use.
type Schemas struct {
	registry *registry

	mu   sync.Mutex
	byID map[uint32]*signalcast.Schema
}

// maxSchemas bounds the schemas that are kept. Hostile records could name any number.
const maxSchemas = 10_000

// NewSchemas returns the schemas of the registry of c, which must be checked. Without a registry, every schema is nil.
func NewSchemas(c Config) (*Schemas, error) {
	r, err := newRegistry(c)
	if err != nil {
		return nil, err
	}
	return &Schemas{registry: r, byID: map[uint32]*signalcast.Schema{}}, nil
}

// Known returns the schema with an ID, if it is known.
func (s *Schemas) Known(id uint32) (schema *signalcast.Schema, ok bool) {
	if s.registry.client == nil {
		return nil, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	schema, ok = s.byID[id]
	return schema, ok
}

// Read reads a schema from the registry, unless it is known. An error may be temporary, also if the registry does
// not know the ID: a registry with several nodes may learn of it later.
func (s *Schemas) Read(ctx context.Context, id uint32) error {
	if _, ok := s.Known(id); ok {
		return nil
	}
	found, err := s.registry.client.SchemaByID(ctx, int(id))
	var response *sr.ResponseError
	switch {
	case errors.As(err, &response) && response.StatusCode == http.StatusNotFound:
		return fmt.Errorf("schema registry: found no schema with ID %d; want the schema of a record", id)
	case err != nil:
		return fmt.Errorf("schema registry: %w", s.registry.redacted(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.byID) >= maxSchemas {
		clear(s.byID)
	}
	s.byID[id] = &signalcast.Schema{Text: found.Schema}
	return nil
}

// Close closes idle connections to the registry.
func (s *Schemas) Close() { s.registry.close() }
