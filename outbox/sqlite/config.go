package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"
)

const (
	defaultTable = "signalcast_outbox"
	defaultPoll  = 100 * time.Millisecond
)

// Config configures a [Store]. The zero value of every field but DB is its default.
type Config struct {
	// DB is the database. The caller owns it and closes it after the store. DB may be limited to
	// one connection.
	DB *sql.DB
	// Table is the name of the table of rows. The names of the other tables begin with it. It
	// consists of at most 48 ASCII letters, digits and underscores, and begins with a letter or an
	// underscore. Empty means "signalcast_outbox".
	Table string
	// Poll is how often a waiting reader looks for rows that other processes have committed. 0 means
	// 100 ms.
	Poll time.Duration
	// Logger gets a warning when a connection is discarded, because its transaction could not be
	// rolled back. Nil means that nothing is logged.
	Logger *slog.Logger
}

// ConfigError reports an invalid field of a [Config]. New returns all of them, joined.
type ConfigError struct {
	// Field is the name of the field.
	Field string
	// Found says what was found: "found nothing".
	Found string
	// Want says what is allowed.
	Want string
}

// Error returns the fault on one line.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("sqlite: Config.%s: %s; want %s", e.Field, e.Found, e.Want)
}

var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,47}$`)

// complete checks c and returns it with its defaults.
func (c Config) complete() (Config, error) {
	var faults []error
	if c.DB == nil {
		faults = append(faults, &ConfigError{"DB", "found nil", "an open database"})
	}
	switch {
	case c.Table == "":
		c.Table = defaultTable
	case !tableName.MatchString(c.Table):
		faults = append(faults, &ConfigError{"Table", fmt.Sprintf("found %.60q", c.Table), "at most 48 letters, digits and underscores, beginning with no digit"})
	case strings.HasPrefix(strings.ToLower(c.Table), "sqlite_"):
		faults = append(faults, &ConfigError{"Table", fmt.Sprintf("found %q", c.Table), "a name without the prefix sqlite_, which is reserved"})
	}
	switch {
	case c.Poll < 0:
		faults = append(faults, &ConfigError{"Poll", fmt.Sprintf("found %v", c.Poll), "0 or more"})
	case c.Poll == 0:
		c.Poll = defaultPoll
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(faults...)
}
