package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signalcast/signalcast/outbox"
)

// SQLSTATE codes.
const (
	codeUndefinedTable     = "42P01"
	codeUndefinedColumn    = "42703"
	codeQueryCanceled      = "57014"
	codeCompletionUnknown  = "40003"
	classConnectionFailure = "08"
)

// PrivilegeError reports that the role of the pool lacks a privilege.
type PrivilegeError struct {
	// Role is the name of the role.
	Role string
	// Table is the name of the table.
	Table string
	// Privilege is the one that is missing, such as INSERT.
	Privilege string
}

func (e *PrivilegeError) Error() string {
	return fmt.Sprintf("postgres: table %s: found no privilege %s for role %s; want it (grant %s on %s)", e.Table, e.Privilege, e.Role, e.Privilege, e.Table)
}

// TextError reports text of a message that PostgreSQL cannot store.
type TextError struct {
	// Field is the name of the column.
	Field string
}

func (e *TextError) Error() string {
	return fmt.Sprintf("postgres: %s: found text with a zero byte or invalid UTF-8; want text in UTF-8 without zero bytes", e.Field)
}

// fail says where a statement of the store failed. It returns nil if err is nil.
func (s *Store) fail(where string, err error) error {
	if err == nil {
		return nil
	}
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && (pgErr.Code == codeUndefinedTable || pgErr.Code == codeUndefinedColumn) {
		err = &outbox.SchemaError{Table: s.names.display, Want: wantVersion(), Err: err}
	}
	return fmt.Errorf("postgres: %s: %w", where, err)
}
