// Package cli is the operators' command: it checks configurations, shows what
// they do to an event, and sends one. Command signalcast is it over the Open edX
// catalogue; a service builds the same over its own signals:
//
//	func main() {
//		registry := signalcast.NewRegistry(signalcast.WithSource("openedx/shop/web"))
//		if err := registry.Register(shop.Signals()...); err != nil {
//			log.Fatal(err)
//		}
//		os.Exit(cli.Command{Name: "shop-events", Registry: registry}.Run(context.Background(), os.Args[1:]))
//	}
package cli
