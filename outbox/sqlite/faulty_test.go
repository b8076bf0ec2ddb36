package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// faults change what the driver does. Tests set them while the database is not in use.
type faults struct {
	version string                          // of SQLite; empty means the real one
	commit  func(commit func() error) error // instead of COMMIT
}

// openFaulty opens a database whose driver has faults.
func openFaulty(t *testing.T, name string, f *faults) *sql.DB {
	t.Helper()
	plain, err := sql.Open("sqlite", name)
	require.NoError(t, err)
	require.NoError(t, plain.Close())
	db := sql.OpenDB(&connector{plain.Driver(), name, f})
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type connector struct {
	driver driver.Driver
	name   string
	faults *faults
}

func (c *connector) Driver() driver.Driver { return c.driver }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	return &connection{conn.(whole), c.faults}, nil
}

// whole are the methods of a connection that database/sql uses.
type whole interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type connection struct {
	whole

	faults *faults
}

func (c *connection) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.faults.version != "" {
		query = strings.ReplaceAll(query, "sqlite_version()", "'"+c.faults.version+"'")
	}
	return c.whole.QueryContext(ctx, query, args)
}

func (c *connection) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.whole.BeginTx(ctx, opts)
	return &transaction{tx, c.faults}, err
}

type transaction struct {
	driver.Tx

	faults *faults
}

func (t *transaction) Commit() error {
	if t.faults.commit != nil {
		return t.faults.commit(t.Tx.Commit)
	}
	return t.Tx.Commit()
}
