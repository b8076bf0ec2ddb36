package compat_test

import (
	"fmt"

	"github.com/signalcast/signalcast/compat"
)

func ExampleCheck() {
	const (
		before = `{"type": "record", "name": "CloudEvent", "fields": [{"name": "age", "type": "long"}]}`
		after  = `{"type": "record", "name": "CloudEvent", "fields": [{"name": "born", "type": "string"}]}`
	)
	findings, err := compat.Check(before, after, compat.Forward)
	if err != nil {
		fmt.Println(err)
	}
	for _, f := range findings {
		fmt.Println(f.Path, f.Code)
		fmt.Println(f)
	}
	// Output:
	// age field_removed
	// age: missing; want long; breaks old consumers on Kafka, and every consumer on Redis until it has the schema of the producer
}
