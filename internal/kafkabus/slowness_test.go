//go:build !race

package kafkabus_test

// slowness is how much slower than usual the tests may run.
const slowness = 1
