package postgres

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// DefaultTable is the default of Config.Table.
const DefaultTable = "signalcast_outbox"

// Config configures a [Store]. The zero value of every field but Pool is its default.
type Config struct {
	// Pool has the connections of the store. The caller owns it and closes it after the store.
	Pool *pgxpool.Pool
	// Table is the table of rows: name or schema.name, in ASCII letters, digits and underscores, at
	// most 48 characters each. Upper case is kept. Further tables have its name and a suffix. Empty means DefaultTable.
	Table string
	// Concurrent lets transactions with messages of one lane commit at the same time. The messages of one key
	// keep the order of commits, unless their transactions overlap. All stores of one
	// table should have the same setting. False means that such transactions commit one after the other, which limits
	// the rate of commits for a key that many transactions use.
	Concurrent bool
	// Notify wakes relays in other processes with NOTIFY after commits, at most once in 5 ms, and wakes
	// the readers of this store with LISTEN on a connection of their own. False means that relays poll
	// for the commits of other processes.
	Notify bool
	// Logger gets a warning when LISTEN loses its connection, or when open transactions
	// hold up a reader. Nil means no logging.
	Logger *slog.Logger
}

// ConfigError reports an invalid field of a [Config].
type ConfigError struct {
	// Field is the name of the field.
	Field string
	// Found says what was found.
	Found string
	// Want says what is allowed.
	Want string
}

func (e *ConfigError) Error() string {
	return fmt.Sprintf("postgres: %s: %s; want %s", e.Field, e.Found, e.Want)
}

// names are the quoted names of the tables.
type names struct {
	display string // of the table of rows, not quoted
	replace *strings.Replacer
}

// maxName leaves room for suffixes: identifiers of PostgreSQL have at most 63 bytes.
const maxName = 48

func newNames(table string) (names, error) {
	if table == "" {
		table = DefaultTable
	}
	parts := strings.Split(table, ".")
	identifier := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	valid := len(parts) <= 2
	for _, part := range parts {
		valid = valid && len(part) <= maxName && identifier.MatchString(part)
	}
	if !valid {
		return names{}, &ConfigError{"Table", fmt.Sprintf("found %.100q", table), "name or schema.name in ASCII letters, digits and underscores, at most 48 each"}
	}
	name, schema := parts[len(parts)-1], ""
	if len(parts) == 2 {
		schema = `"` + parts[0] + `".`
	}
	quoted := func(suffix string) string { return schema + `"` + name + suffix + `"` }
	return names{table, strings.NewReplacer(
		"{table}", quoted(""),
		"{schemas}", quoted("_schemas"),
		"{lease}", quoted("_lease"),
		"{version}", quoted("_version"),
		"{sequence}", quoted("_sequence"),
		"{lane_index}", `"`+name+`_lane"`, // in the schema of the table
		"{parked_index}", `"`+name+`_parked"`,
		"{oid}", `'`+quoted("")+`'::regclass::oid`,
	)}, nil
}

// sql replaces the names in braces.
func (n names) sql(text string) string { return n.replace.Replace(text) }
