// Package adminhttp is the admin page of a service that publishes with signalcast: what is
// published where, what fails and since when, and how to stop it now.
//
//	admin, err := adminhttp.New(adminhttp.Config{Dispatcher: dispatcher, Registry: registry})
//	…
//	defer admin.Close()
//	mux.Handle("/admin/", admin)
//	mux.Handle("/livez", adminhttp.Live())
//	mux.Handle("/readyz", adminhttp.Ready(dispatcher, 0))
//
// Every page works without JavaScript. With it, the figures are updated every 2 s while the page is
// visible. No page keeps a connection open, so http.Server.Shutdown does not wait for one.
//
// # Access
//
// Without Config.Access, only requests from the same machine may view the page, and none may switch
// routes. The page shows configuration, counts and errors. It shows no event data and no keys, except
// those that are pasted into a dry run, in the answer to it.
//
// # JSON
//
// Each page has its data as JSON under api/v1, relative to the page: GET api/v1/overview, live, routes,
// route, failures, switches, configuration, outbox and consumers. POST api/v1/try is a dry run.
// POST api/v1/switch-off, switch-on and check change something, and need Access.Operate. The body of a POST is a JSON
// object with the content type application/json.
package adminhttp
