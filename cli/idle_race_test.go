//go:build race

package cli_test

// idle is a time in which a command certainly gets the next message, with the race detector on a machine that other tests share.
const idle = "10s"
