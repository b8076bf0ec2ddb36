// Package soak has the parts of the soak test that need no server: a ledger of what was sent and handled, the samples of a
// process, and the page with its graph. The soak test itself is the integration test of the package. "make soak" runs it and writes docs/soak.md.
package soak
