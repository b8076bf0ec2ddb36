package sqlite

import (
	"context"
	"fmt"
	"strings"
)

// Versions of SQLite that the store needs.
const (
	minVersion    = "3.42.0" // unixepoch('subsec')
	minVersionWAL = "3.51.3" // does not corrupt the database when the WAL is reset
)

// VersionError reports that the SQLite library of the driver is too old.
type VersionError struct {
	// Found is the version of the library.
	Found string
	// Want is the oldest version that is allowed in the journal mode.
	Want string
	// JournalMode is the journal mode of the database: "wal" or "delete", for example.
	JournalMode string
}

// Error names the versions and the journal mode.
func (e *VersionError) Error() string {
	if e.Want == minVersionWAL {
		return fmt.Sprintf("sqlite: found SQLite %s with journal mode %s; want %s, because earlier versions can corrupt "+
			"the database in this mode (use a newer driver, or PRAGMA journal_mode = DELETE)", e.Found, e.JournalMode, e.Want)
	}
	return fmt.Sprintf("sqlite: found SQLite %s; want %s (use a newer driver)", e.Found, e.Want)
}

// checkVersion returns a *VersionError if the library is too old for the journal mode. The mode is
// read each time, since any process can change it.
func (s *Store) checkVersion(ctx context.Context) error {
	e := &VersionError{Want: minVersion}
	if err := s.db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&e.Found); err != nil {
		return fmt.Errorf("sqlite: read the version: %w", err)
	}
	if err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&e.JournalMode); err != nil {
		return fmt.Errorf("sqlite: read the journal mode: %w", err)
	}
	if strings.EqualFold(e.JournalMode, "wal") {
		e.Want = minVersionWAL
	}
	if older(e.Found, e.Want) {
		return e
	}
	return nil
}

// older reports whether version a is older than b. A version of another form is older.
func older(a, b string) bool {
	var x, y [3]int
	if _, err := fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2]); err != nil {
		return true
	}
	_, _ = fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2]) // a constant
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}
