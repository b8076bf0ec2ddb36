// Package outbox publishes the messages that a database holds, so that an event is exactly as
// durable as the change that it describes.
//
// A [Store] keeps the messages: outbox/postgres or outbox/sqlite. A service gives the store to
// its dispatcher, and sends events within the store's transactions. A [Relay] publishes what was
// committed, to any [signalcast.Backend], at least once and in order:
//
//	store, err := postgres.New(postgres.Config{Pool: pool})
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend, signalcast.WithOutbox(store))
//	relay, err := outbox.NewRelay(store, backend, outbox.Config{})
//	go relay.Run(ctx)
//
//	err = store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
//		// change the database with tx
//		return EnrollmentCreated.Send(ctx, registry, data)
//	})
//
// The relay may run in the service, in several instances of it, or as the command "signalcast
// relay". One of them works at a time; the others stand by.
//
// # Guarantees
//
// Every committed message is published at least once. The messages of one key on one topic
// first appear in the order in which their transactions were committed. Exceptions are described in docs/transactions.md.
// A message that fails holds
// the later ones of its lane and no others. A message is parked, so that later ones go
// on, only if it can never be sent, or if it failed several times while other messages of its
// topic were delivered.
package outbox
