package inbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// DB is a database. Each statement that it executes is a transaction of its own. *sql.DB is a DB, and [PgxPool] returns one for a
// pool of pgx. This package does not call PingContext. DB has it so that a transaction is not a DB.
type DB interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PingContext(ctx context.Context) error
}

const (
	createTable = `create table if not exists signalcast_inbox (
	consumer   text not null,
	event_id   text not null,
	handled_at bigint not null, -- Unix seconds
	primary key (consumer, event_id)
);
`
	createIndex = `create index if not exists signalcast_inbox_handled_at on signalcast_inbox (handled_at);
`

	// PostgreSQL checks the right to create before it looks at "if not exists", and "create index if not exists" waits for
	// writers. The block therefore looks the names up first, and executes the statements only if a name is missing.
	migratePostgreSQL = `do $$ begin
if to_regclass('signalcast_inbox') is null or to_regclass('signalcast_inbox_handled_at') is null then
` + createTable + createIndex + `end if;
end $$`
)

// Schema returns the statements that create the table, for a migration tool.
func Schema() string { return createTable + createIndex }

// Migrate creates the table signalcast_inbox, unless it exists. Several processes may call Migrate at the same time; connections to
// SQLite then need a busy_timeout.
//
// In PostgreSQL, Migrate needs the right to create only if the table does not exist. [First] needs the rights to select and insert,
// and [Purge] those to select and delete.
func Migrate(ctx context.Context, db DB) error {
	if _, err := db.ExecContext(ctx, migratePostgreSQL); err == nil {
		return nil
	}
	// The block fails in SQLite, and if a concurrent call creates the table. The plain statements then succeed. After any other
	// failure, they return the cause.
	for _, statement := range []string{createTable, createIndex} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("inbox: create the table: %w", err)
		}
	}
	return nil
}

const (
	defaultAge = 14 * 24 * time.Hour
	// purgeRows is the number of rows that one statement deletes, so that it holds no locks for long.
	purgeRows = 1000
	// purgePause leaves the database to others between two statements. SQLite has one writer at a time.
	purgePause = 10 * time.Millisecond
)

// Purge deletes the records of events that were handled longer ago than age. It returns the number of deleted records, also if it
// returns an error. It executes short statements with pauses between them, and stops if ctx ends. Several processes may call Purge
// at the same time.
//
// An event that is delivered after its record was deleted is handled again. So age must be longer than the broker keeps a message
// and then its dead letter. 0 means 14 days: Kafka keeps each of the two for 7 days by default. Purge returns an error if age is
// negative.
func Purge(ctx context.Context, db DB, age time.Duration) (deleted int64, err error) {
	const statement = `delete from signalcast_inbox where (consumer, event_id) in
		(select consumer, event_id from signalcast_inbox where handled_at < $1 order by handled_at limit $2)`
	switch {
	case age < 0:
		return 0, fmt.Errorf("inbox: age: found %v; want a positive duration, or 0 for %v", age, defaultAge)
	case age == 0:
		age = defaultAge
	}
	before := time.Now().Add(-age).Unix()
	for {
		n, err := exec(ctx, db, statement, before, purgeRows)
		if err != nil {
			return deleted, fmt.Errorf("inbox: delete old records: %w", err)
		}
		if deleted += n; n < purgeRows {
			return deleted, nil
		}
		select {
		case <-ctx.Done():
			return deleted, fmt.Errorf("inbox: delete old records: %w", ctx.Err())
		case <-time.After(purgePause):
		}
	}
}
