package adminhttp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
)

type orderPlaced struct {
	Number string `avro:"number"`
}

// A service that watches its configuration, with the page and both probes.
func Example() {
	ctx := context.Background()
	registry := signalcast.NewRegistry()
	placed := signalcast.NewSignal[orderPlaced]("org.example.order.placed.v1")
	if err := registry.Register(placed); err != nil {
		panic(err)
	}
	loaded, err := configfile.Load(registry, configfile.File("testdata/site.yaml"))
	if err != nil {
		panic(err)
	}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, loaded.Merged, memory.New())
	if err != nil {
		panic(err)
	}
	defer func() { _ = dispatcher.Close(ctx) }()
	watcher, err := configfile.Watch(dispatcher, loaded, configfile.WatchConfig{})
	if err != nil {
		panic(err)
	}
	defer func() { _ = watcher.Close(ctx) }()

	admin, err := adminhttp.New(adminhttp.Config{
		Dispatcher:    dispatcher,
		Registry:      registry,
		Service:       "orders",
		Configuration: watcher.Status,
		Check:         watcher.Check,
	})
	if err != nil {
		panic(err)
	}
	defer admin.Close()
	mux := http.NewServeMux()
	mux.Handle("/admin/", admin)
	mux.Handle("/livez", adminhttp.Live())
	mux.Handle("/readyz", adminhttp.Ready(dispatcher, 0))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil))
	fmt.Print(w.Body)
	// Output: ready
}
