// Package postgres keeps messages in PostgreSQL, in the transaction of the change that they
// describe. It uses pgx v5, and serves transactions of database/sql as well. It needs PostgreSQL 12 or
// newer.
//
//	store, err := postgres.New(postgres.Config{Pool: pool})
//	err = store.Migrate(ctx)
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend, signalcast.WithOutbox(store))
//
//	err = store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
//		if _, err := tx.Exec(ctx, "insert into enrollments …"); err != nil {
//			return err
//		}
//		return EnrollmentCreated.Send(ctx, registry, data)
//	})
//
// Transactions that other code begins and commits join with [Store.Join] and [Store.JoinSQL].
//
// # Order
//
// Sequences alone are not in the order of commits. As the last thing before COMMIT, a writer locks the
// lanes of its messages with advisory transaction locks, in ascending order, and then inserts all rows with one
// statement. PostgreSQL makes a commit visible before it releases the locks. Within a lane, the order of
// sequences is thus the order of commits, and rows become visible in that order. Transactions with messages of one lane
// commit one after the other. See Config.Concurrent.
//
// The locks have two keys: the OID of the table of rows, and the lane. A program that inserts rows itself
// must take them too.
//
// # PgBouncer
//
// Everything but Config.Notify works behind PgBouncer in transaction mode. Set the pool's
// DefaultQueryExecMode to pgx.QueryExecModeExec if PgBouncer is older than 1.21. Behind PgBouncer, a
// reader gets no notifications, and the relay polls.
//
// # Durability
//
// A relay may publish a row as soon as its commit is visible. With synchronous_commit = off, and in a
// failover to an asynchronous replica, PostgreSQL may lose such commits and use their sequences again. Events
// of the lost transactions were published then, and later rows with the same sequences may not be. Restart relays after such
// a failover, before writers.
package postgres
