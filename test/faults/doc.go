// Package faults has the parts of the fault suite that need no server: the
// account of what became of numbered events, and the proxy that breaks
// connections. The suite itself is the package's integration test; "make faults"
// runs the whole of it and writes docs/faults.md.
package faults
