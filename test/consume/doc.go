// Package consume_test kills, stops and restarts consumers and brokers, and compares what was published with the effects of
// what was handled. docs/consuming.md has the results.
package consume_test
