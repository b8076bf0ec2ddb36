// Package faults has the parts of the fault suite that need no server: an account
// of the fates of numbered events, and a proxy that breaks connections. The suite
// is the integration test of the package. "make faults" runs all of it and writes
// docs/faults.md.
package faults
