package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/signalcast/signalcast"
)

// schemaCache knows which schemas are stored, and keeps those that were read.
type schemaCache struct {
	stored sync.Map // of *signalcast.Schema; the row is committed
	byID   sync.Map // from int64 to *signalcast.Schema
}

// schemaID returns the ID of a schema: 63 bits of the digest of its name and text.
func schemaID(s *signalcast.Schema) int64 {
	digest := sha256.Sum256([]byte(s.Name + "\x00" + s.Text))
	return int64(binary.BigEndian.Uint64(digest[:]) >> 1)
}

func idOrNull(s *signalcast.Schema) any {
	if s == nil {
		return nil
	}
	return schemaID(s)
}

// insert stores the schemas that are not known to be stored. Some may be nil.
func (c *schemaCache) insert(ctx context.Context, tx *sql.Tx, statement string, schemas []*signalcast.Schema) error {
	inserted := map[*signalcast.Schema]bool{}
	for _, s := range schemas {
		if s == nil || inserted[s] {
			continue
		}
		if _, known := c.stored.Load(s); known {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement, schemaID(s), s.Name, s.Text); err != nil {
			return fmt.Errorf("insert schema %.100q: %w", s.Name, err)
		}
		inserted[s] = true
	}
	return nil
}

// committed notes that the rows of schemas are committed.
func (c *schemaCache) committed(schemas []*signalcast.Schema) {
	for _, s := range schemas {
		if s != nil {
			c.stored.Store(s, true)
		}
	}
}

// get returns the schema with an ID, or nil if it was not loaded.
func (c *schemaCache) get(id int64) *signalcast.Schema {
	schema, _ := c.byID.Load(id)
	s, _ := schema.(*signalcast.Schema)
	return s
}

// load reads the schemas that are not cached. Equal schemas have one pointer, so that backends can use it as
// a cache key.
func (c *schemaCache) load(ctx context.Context, db *sql.DB, statement string, ids []int64) error {
	var missing []int64
	for _, id := range ids {
		if c.get(id) == nil {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := db.QueryContext(ctx, statement, list(missing))
	if err != nil {
		return fmt.Errorf("read schemas: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		var s signalcast.Schema
		if err := rows.Scan(&id, &s.Name, &s.Text); err != nil {
			return fmt.Errorf("read schemas: %w", err)
		}
		c.byID.LoadOrStore(id, &s)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read schemas: %w", err)
	}
	return nil
}
