package postgres

import (
	"context"
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

const (
	checkVersion = "select coalesce(max(version), 0), current_user, current_setting('server_encoding') from {version}"
	// checkPrivileges returns what a writer lacks.
	checkPrivileges = "select p.table_name, p.privilege from (values ('{table}', 'INSERT'), ('{schemas}', 'INSERT')) as p(table_name, privilege)" +
		" where not has_table_privilege(p.table_name, p.privilege) limit 1"
)

// Prepare checks that the tables have the version that the store needs or a newer one, that the role of the pool may insert
// rows, and that the database can store text in UTF-8. It stores the schemas of routes. A *[outbox.SchemaError]
// reports missing or older tables, and a *[PrivilegeError] a missing right.
func (s *Store) Prepare(ctx context.Context, routes []signalcast.Route) error {
	var version int
	var role, encoding string
	if err := s.pool.QueryRow(ctx, s.names.sql(checkVersion)).Scan(&version, &role, &encoding); err != nil {
		return s.fail("prepare", err)
	}
	if want := wantVersion(); version < want {
		return fmt.Errorf("postgres: prepare: %w", &outbox.SchemaError{Table: s.names.display, Found: version, Want: want})
	}
	if encoding != "UTF8" && encoding != "SQL_ASCII" {
		return fmt.Errorf("postgres: prepare: server_encoding: found %s; want UTF8", encoding)
	}
	rows, err := s.pool.Query(ctx, s.names.sql(checkPrivileges))
	if err != nil {
		return s.fail("prepare", err)
	}
	defer rows.Close()
	if rows.Next() {
		missing := &PrivilegeError{Role: role}
		if err := rows.Scan(&missing.Table, &missing.Privilege); err != nil {
			return s.fail("prepare", err)
		}
		return fmt.Errorf("prepare: %w", missing)
	}
	if err := rows.Err(); err != nil {
		return s.fail("prepare", err)
	}
	var schemas []schemaRow
	for _, r := range routes {
		s.schemas.id(r.KeySchema, &schemas)
		s.schemas.id(r.ValueSchema, &schemas)
	}
	if len(schemas) == 0 {
		return nil
	}
	if _, err := s.pool.Exec(ctx, s.sql.insertSchemas, schemaArrays(schemas)...); err != nil {
		return s.fail("prepare", err)
	}
	s.schemas.known(schemas)
	return nil
}
