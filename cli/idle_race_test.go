//go:build race

package cli_test

import "time"

// idleTime is a time in which a command certainly gets the next message, with the race detector on a machine that other tests share.
const idleTime = 10 * time.Second
