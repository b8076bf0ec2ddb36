// Package sqlite is an outbox in SQLite, for any driver of database/sql.
//
//	db, err := sql.Open("sqlite", "file:shop.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)")
//	store, err := sqlite.New(sqlite.Config{DB: db})
//	err = store.Migrate(ctx)
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend, signalcast.WithOutbox(store))
//
//	err = store.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
//		if _, err := tx.ExecContext(ctx, "insert into orders …"); err != nil {
//			return err
//		}
//		return OrderPlaced.Send(ctx, registry, order)
//	})
//
// # Settings of the database
//
// Set busy_timeout on every connection. SQLite has one writer at a time: a second one waits for at most
// busy_timeout, and then fails with SQLITE_BUSY. The default of SQLite is not to wait. Errors of the driver are
// returned or wrapped, so the caller can recognise SQLITE_BUSY and run its transaction again.
//
// Use the journal mode WAL, so that readers and the writer do not block each other. It needs
// SQLite 3.51.3: earlier versions can corrupt the database in that mode, and [New] rejects them. In every mode,
// SQLite 3.42 is needed.
//
// A commit survives a loss of power only with "PRAGMA synchronous = FULL", the default of SQLite. Some drivers have
// another default.
//
// A database in memory is a different one for each connection. Use it only with sql.DB.SetMaxOpenConns(1).
package sqlite
