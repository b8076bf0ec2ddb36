//go:build !race

package cli_test

import "time"

// idleTime is a time in which a command certainly gets the next message.
const idleTime = time.Second
