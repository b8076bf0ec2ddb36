package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast"
)

// maxKnown bounds the number of known schemas. A configuration has some hundreds, with new pointers after each reload.
const maxKnown = 10_000

// schemas is a cache of the table of schemas.
type schemas struct {
	mu     sync.Mutex
	ids    map[*signalcast.Schema]int64 // of schemas that the table has
	loaded map[int64]*signalcast.Schema // one pointer for each id, which backends use as a cache key
}

// schemaRow is a row of the table of schemas.
type schemaRow struct {
	ID     int64              `json:"id"`
	Name   string             `json:"name"`
	Text   string             `json:"text"`
	schema *signalcast.Schema // of the row
}

// schemaID returns 63 bits of a hash of the name and the text.
func schemaID(s *signalcast.Schema) int64 {
	sum := sha256.Sum256([]byte(s.Name + "\x00" + s.Text))
	return int64(binary.BigEndian.Uint64(sum[:]) >> 1)
}

// id returns the ID of a schema, or nil without one. If the table may lack the schema, id adds it to missing.
func (s *schemas) id(schema *signalcast.Schema, missing *[]schemaRow) *int64 {
	if schema == nil {
		return nil
	}
	s.mu.Lock()
	id, known := s.ids[schema]
	s.mu.Unlock()
	if known {
		return &id
	}
	for _, row := range *missing {
		if row.schema == schema {
			return &row.ID
		}
	}
	id = schemaID(schema)
	*missing = append(*missing, schemaRow{id, schema.Name, schema.Text, schema})
	return &id
}

// known notes that the table has schemas.
func (s *schemas) known(rows []schemaRow) {
	if len(rows) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil || len(s.ids)+len(rows) > maxKnown {
		s.ids = map[*signalcast.Schema]int64{}
	}
	for _, row := range rows {
		s.ids[row.schema] = row.ID
	}
}

// sortSchemas sorts rows in the order of insertion, which is the same for all transactions: otherwise two that
// insert the same schemas could wait for each other. It removes repeated rows.
func sortSchemas(rows []schemaRow) []schemaRow {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b schemaRow) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
	return slices.CompactFunc(rows, func(a, b schemaRow) bool { return a.ID == b.ID })
}

// schemaArrays returns the columns of rows.
func schemaArrays(rows []schemaRow) []any {
	var ids []int64
	var names, texts []string
	for _, row := range sortSchemas(rows) {
		ids, names, texts = append(ids, row.ID), append(names, row.Name), append(texts, row.Text)
	}
	return []any{ids, names, texts}
}

// loadSchemas loads the schemas of ids that the cache lacks.
func (s *Store) loadSchemas(ctx context.Context, ids []int64) error {
	s.schemas.mu.Lock()
	ids = slices.DeleteFunc(ids, func(id int64) bool { return s.schemas.loaded[id] != nil })
	s.schemas.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	rows, err := s.pool.Query(ctx, s.names.sql("select id, name, text from {schemas} where id = any($1::bigint[])"), slices.Compact(ids))
	if err != nil {
		return s.fail("load schemas", err)
	}
	loaded := map[int64]*signalcast.Schema{}
	var id int64
	var name, text string
	_, err = pgx.ForEachRow(rows, []any{&id, &name, &text}, func() error {
		loaded[id] = &signalcast.Schema{Name: name, Text: text}
		return nil
	})
	if err != nil {
		return s.fail("load schemas", err)
	}
	s.schemas.mu.Lock()
	defer s.schemas.mu.Unlock()
	if s.schemas.loaded == nil {
		s.schemas.loaded = map[int64]*signalcast.Schema{}
	}
	for id, schema := range loaded {
		if s.schemas.loaded[id] == nil {
			s.schemas.loaded[id] = schema
		}
	}
	return nil
}
