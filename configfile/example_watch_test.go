package configfile_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
)

// A service watches the sources that it has loaded.
func ExampleWatch() {
	dir, _ := os.MkdirTemp("", "example")
	defer func() { _ = os.RemoveAll(dir) }()
	site := filepath.Join(dir, "site.yaml")
	_ = os.WriteFile(site, []byte("org.example.order.placed.v1: {orders: {keyless: true, enabled: true}}\n"), 0o600)

	ctx, registry := context.Background(), signalcast.NewRegistry()
	_ = registry.Register(signalcast.NewSignal[orderEvent]("org.example.order.placed.v1"))
	loaded, err := configfile.Load(registry, configfile.File(site))
	if err != nil {
		fmt.Println(err)
		return
	}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, loaded.Merged, memory.New())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = dispatcher.Close(ctx) }()

	watcher, err := configfile.Watch(dispatcher, loaded, configfile.WatchConfig{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = watcher.Close(ctx) }()

	// An operator adds a topic. The watcher finds it within 2 s. Check, for SIGHUP, finds it at once.
	_ = os.WriteFile(site, []byte("org.example.order.placed.v1: {orders: {keyless: true, enabled: true}, audit: {keyless: true, enabled: true}}\n"), 0o600)
	fmt.Println(watcher.Check(ctx), watcher.Status().Generation)
	for _, r := range dispatcher.Routes() {
		fmt.Println(r.Topic)
	}
	// Output:
	// <nil> 2
	// audit
	// orders
}
