package configfile_test

import (
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

// Load merges a configuration of the platform, one of the site, and an environment variable.
func ExampleLoad() {
	registry := signalcast.NewRegistry()
	_ = registry.Register(signalcast.NewSignal[orderEvent]("org.example.order.placed.v1"))

	config, err := configfile.Load(registry,
		configfile.File("testdata/example/platform.json"),
		configfile.File("testdata/example/site.yaml"),
		configfile.Environment(configfile.ProducerConfigVariable),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range config.Provenance.Settings("org.example.order.placed.v1", "orders", "enabled") {
		fmt.Printf("%s:%d: %s\n", o.Layer, o.Line, o.Value)
	}
	// Output:
	// testdata/example/platform.json:2: false
	// testdata/example/site.yaml:3: true
}

// Load reports all problems of all files.
func ExampleLoad_mistakes() {
	registry := signalcast.NewRegistry()
	_ = registry.Register(signalcast.NewSignal[orderEvent]("org.example.order.placed.v1"))

	_, err := configfile.Load(registry,
		configfile.File("testdata/example/platform.json"),
		configfile.File("testdata/example/mistakes.toml"),
	)
	fmt.Println(err)
	// Output:
	// 2 problems in the configuration:
	// testdata/example/mistakes.toml:2:1: org.example.order.placed.v1 → orders → enabled: found a string; want true or false, or null to inherit
	// testdata/example/mistakes.toml:4:2: found 6 names: org.example.order.shipped.v1.orders; want the event type in quotes, as one name: ["org.example.order.shipped.v1".orders]
}
