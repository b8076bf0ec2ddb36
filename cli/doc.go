// Package cli is the operators' command. It checks configurations, shows their effect on
// an event, and sends events. It publishes the rows of an outbox, and shows what consumers
// do. Command signalcast is this command for the event types of Open edX. A service builds
// one for its own signals:
//
//	func main() {
//		registry := signalcast.NewRegistry(signalcast.WithSource("openedx/shop/web"))
//		if err := registry.Register(shop.Signals()...); err != nil {
//			log.Fatal(err)
//		}
//		os.Exit(cli.Command{Name: "shop-events", Registry: registry}.Run(context.Background(), os.Args[1:]))
//	}
package cli
