//go:build race

package kafkabus_test

// slowness is how much slower the tests may run with the race detector, on a machine that other tests share.
const slowness = 3
