// Package cli is the operators' command. It checks configurations, shows their effect on
// an event, and sends events. Command signalcast runs it over the event types of
// Open edX. A service runs it over its own signals:
//
//	func main() {
//		registry := signalcast.NewRegistry(signalcast.WithSource("openedx/shop/web"))
//		if err := registry.Register(shop.Signals()...); err != nil {
//			log.Fatal(err)
//		}
//		os.Exit(cli.Command{Name: "shop-events", Registry: registry}.Run(context.Background(), os.Args[1:]))
//	}
package cli
