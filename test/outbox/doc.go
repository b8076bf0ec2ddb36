// Package outbox_test kills writers, relays, the database and the broker at random, and compares what was
// committed with what was published. docs/transactions.md has the results.
package outbox_test
