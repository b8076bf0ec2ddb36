// Signalcast checks and explains configurations of the Open edX event bus, and sends events. It
// knows the event types of Open edX. Package cli is the same command for the signals of a
// service.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/openedx"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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

// wrongKeys maps event types to the key paths that openedx-events declares for them and that their
// data does not have.
func wrongKeys() map[string]string {
	return map[string]string{
		"org.openedx.authz.role_assignment.created":                "user.pii.username",
		"org.openedx.authz.role_assignment.deleted":                "user.pii.username",
		"org.openedx.content_authoring.course.import.completed.v1": "catalog_info.course_key",
		"org.openedx.content_authoring.course.rerun.completed.v1":  "catalog_info.course_key",
	}
}
