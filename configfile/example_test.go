package configfile_test

import (
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

// A platform's configuration in JSON, a site's in YAML, and the environment.
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
		fmt.Printf("%s:%d says %s\n", o.Layer, o.Line, o.Value)
	}
	// Output:
	// testdata/example/platform.json:2 says false
	// testdata/example/site.yaml:3 says true
}

// Every mistake of every file, in one run.
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
	// testdata/example/mistakes.toml:4:2: found org.example.order.shipped.v1.orders, which is 6 names; want an event type in quotes, which is one name: ["org.example.order.shipped.v1".orders]
}
