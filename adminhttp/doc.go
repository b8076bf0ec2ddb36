// Package adminhttp serves the admin page of a service that publishes with signalcast. The page shows what
// is published where, what fails and since when. Operators can switch routes off there.
//
//	admin, err := adminhttp.New(adminhttp.Config{Dispatcher: dispatcher, Registry: registry})
//	…
//	defer admin.Close()
//	mux.Handle("/admin/", admin)
//	mux.Handle("/livez", adminhttp.Live())
//	mux.Handle("/readyz", adminhttp.Ready(dispatcher, 0))
//
// Every page works without JavaScript. With JavaScript, the figures are updated every 2 s while the page is
// visible. No page keeps a connection open, so http.Server.Shutdown does not wait for pages.
//
// # Access
//
// Without Config.Access, requests from the same machine may view the page, and no request may switch
// routes. The page shows configuration, counts and errors. It shows no event data and no keys. Only the
// response to a dry run contains the data that the request contained.
//
// # JSON
//
// The data of the pages is available as JSON under api/v1, relative to the overview: GET api/v1/overview,
// live, routes, route, failures, switches, configuration, outbox and consumers. POST api/v1/try is a dry
// run. POST api/v1/switch-off, switch-on and check need Access.Operate. The body of a POST request is a JSON
// object with the content type application/json.
package adminhttp
