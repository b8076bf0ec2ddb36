//go:build !race

package cli_test

// idle is a time in which a command certainly gets the next message.
const idle = "2s"
