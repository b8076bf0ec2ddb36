// Package scale calculates what one more producer, topic, partition, consumer or relay costs, and what a fleet of them costs. The
// integration test of the package measures it with real servers. A model and a simulation extend the figures to fleets that one
// machine cannot hold. "make scale" measures everything and writes docs/scaling.md.
package scale
