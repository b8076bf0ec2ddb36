// Signalcast checks and explains configurations of the Open edX event bus, and
// sends events. It has the Open edX catalogue; package cli makes the same
// command over a service's own signals.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/openedx"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	registry, err := newRegistry()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return cli.ExitProblems
	}
	unsupported := map[string]string{}
	for _, e := range openedx.Unsupported() {
		unsupported[e.EventType] = e.Reason
	}
	command := cli.Command{
		Registry:    registry,
		Defaults:    openedx.DefaultConfig(),
		Unsupported: unsupported,
		WrongKeys:   wrongKeys(),
	}
	return command.Run(ctx, args)
}

func newRegistry() (*signalcast.Registry, error) {
	registry := signalcast.NewRegistry(signalcast.WithSource(openedx.Source("signalcast")))
	return registry, registry.Register(openedx.Signals()...)
}

// wrongKeys are the key paths that openedx-events declares for its own signals
// and that their data does not have.
func wrongKeys() map[string]string {
	return map[string]string{
		"org.openedx.authz.role_assignment.created":                "user.pii.username",
		"org.openedx.authz.role_assignment.deleted":                "user.pii.username",
		"org.openedx.content_authoring.course.import.completed.v1": "catalog_info.course_key",
		"org.openedx.content_authoring.course.rerun.completed.v1":  "catalog_info.course_key",
	}
}
