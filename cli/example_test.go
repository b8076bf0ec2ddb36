package cli_test

import (
	"context"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/cli"
)

// The command over a service's own signals.
func ExampleCommand() {
	type OrderPlaced struct {
		OrderID string `avro:"order_id"`
		Total   int64  `avro:"total"`
	}
	placed := signalcast.NewSignal[OrderPlaced]("org.example.order.placed.v1", signalcast.WithDoc("A customer placed an order."))

	registry := signalcast.NewRegistry(signalcast.WithSource("openedx/shop/web"))
	if err := registry.Register(placed); err != nil {
		panic(err)
	}
	command := cli.Command{Name: "shop-events", Registry: registry}

	// In main, with os.Args[1:]: os.Exit(command.Run(…))
	command.Run(context.Background(), []string{"catalog", "--keys"})
	// Output:
	// org.example.order.placed.v1
	//   A customer placed an order.
	//     order_id
	//     total
}
