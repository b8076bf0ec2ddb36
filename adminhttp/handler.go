package adminhttp

import (
	"cmp"
	"errors"
	"net/http"
	"path"
	"strings"
)

// maxBody is the size of the largest request body, in bytes.
const maxBody = 1 << 20

// Handler serves the admin page. It is safe for concurrent use.
//
// A Handler may be mounted at any path that ends in a slash, with or without http.StripPrefix. All links are relative.
type Handler struct {
	config    Config
	history   *history
	templates templates
	endpoints map[string]endpoint
	origins   *http.CrossOriginProtection
}

// endpoint is a page or a resource of the JSON API. ServeHTTP responds to a method that is nil with status 405.
type endpoint struct {
	get, post func(*request)
	operate   bool // whether post needs Access.Operate
}

// request is a request with its response writer and permissions.
type request struct {
	*http.Request

	w      http.ResponseWriter
	page   string // the path relative to the mount, such as "routes"
	access Access
}

// New returns a handler for c. The error joins a *ConfigError for each fault.
//
// The handler samples the counters of the dispatcher every 10 s and keeps the samples of one hour. The caller must close it.
func New(c Config) (*Handler, error) {
	if faults := c.check(); len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	c.Service = cmp.Or(c.Service, "signalcast")
	parsed, err := parseTemplates()
	if err != nil {
		return nil, err
	}
	h := &Handler{config: c, templates: parsed, history: newHistory(c.Dispatcher), origins: http.NewCrossOriginProtection()}
	h.endpoints = map[string]endpoint{
		"":                      {get: h.overview},
		"routes":                {get: h.routes},
		"route":                 {get: h.route},
		"failures":              {get: h.failures},
		"try":                   {get: h.tryForm, post: h.tryPosted},
		"switches":              {get: h.switches, post: h.switchPosted, operate: true},
		"configuration":         {get: h.configuration, post: h.checkPosted, operate: true},
		"outbox":                {get: h.outbox},
		"consumers":             {get: h.consumers},
		apiPrefix + "overview":  {get: h.apiOverview},
		apiPrefix + "live":      {get: h.apiLive},
		apiPrefix + "routes":    {get: h.apiRoutes},
		apiPrefix + "route":     {get: h.apiRoute},
		apiPrefix + "failures":  {get: h.apiFailures},
		apiPrefix + "try":       {post: h.apiTry},
		apiPrefix + "switches":  {get: h.apiSwitches},
		apiPrefix + "outbox":    {get: h.apiOutbox},
		apiPrefix + "consumers": {get: h.apiConsumers},

		apiPrefix + "configuration": {get: h.apiConfiguration},
		apiPrefix + "switch-off":    {post: h.apiSwitchOff, operate: true},
		apiPrefix + "switch-on":     {post: h.apiSwitchOn, operate: true},
		apiPrefix + "check":         {post: h.apiCheck, operate: true},
	}
	for name := range assetTypes {
		h.endpoints[name] = endpoint{get: serveAsset}
	}
	h.history.start()
	return h, nil
}

// Close stops the goroutine that takes samples, and waits for it. The handler still serves requests, without new samples.
func (h *Handler) Close() { h.history.close() }

// ServeHTTP serves a page, a file of the pages, or a resource of the JSON API.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	q := &request{Request: r, w: w, page: pageOf(r.URL.Path)}
	var denied *httpError
	if q.access, denied = h.permit(r); denied != nil {
		q.fail(denied)
		return
	}
	e, found := h.endpoints[q.page]
	switch {
	case !strings.HasSuffix(r.URL.Path, "/") && q.page == "":
		redirectToSlash(w, r)
	case !found || !h.hasPage(q.page):
		q.fail(&httpError{http.StatusNotFound, "no such page"})
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && e.get != nil:
		e.get(q)
	case r.Method == http.MethodPost && e.post != nil:
		h.post(q, e)
	default:
		w.Header().Set("Allow", e.allowed())
		q.fail(&httpError{http.StatusMethodNotAllowed, "method not allowed; want " + e.allowed()})
	}
}

// post serves a POST request if it is permitted.
func (h *Handler) post(q *request, e endpoint) {
	if denied := h.permitPost(q, e.operate); denied != nil {
		q.fail(denied)
		return
	}
	q.Body = http.MaxBytesReader(q.w, q.Body, maxBody)
	e.post(q)
}

func (e *endpoint) allowed() string {
	switch {
	case e.post == nil:
		return "GET, HEAD"
	case e.get == nil:
		return "POST"
	default:
		return "GET, HEAD, POST"
	}
}

// hasPage reports whether the service has the outbox or the consumers that a page is for. It has all other pages.
func (h *Handler) hasPage(page string) bool {
	switch strings.TrimPrefix(page, apiPrefix) {
	case "outbox":
		return h.config.Outbox != nil || len(h.config.Relays) > 0
	case "consumers":
		return len(h.config.Consumers) > 0
	default:
		return true
	}
}

// pageOf returns the part of a path that names a page: the last segment, with apiPrefix if it precedes the segment.
// The handler does not know the path that it is mounted at.
func pageOf(urlPath string) string {
	dir, name := path.Split(urlPath)
	if strings.HasSuffix(dir, "/"+apiPrefix) || dir == apiPrefix {
		return apiPrefix + name
	}
	return name
}

// redirectToSlash redirects to the same path with a slash at the end. Relative links need it.
func redirectToSlash(w http.ResponseWriter, r *http.Request) {
	full, _, _ := strings.Cut(r.RequestURI, "?") // escaped
	w.Header().Set("Location", "./"+path.Base(full)+"/")
	w.WriteHeader(http.StatusPermanentRedirect)
}

func setHeaders(header http.Header) {
	header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
}

// write sends a complete body.
func (q *request) write(status int, contentType string, body []byte) {
	q.w.Header().Set("Content-Type", contentType)
	q.w.WriteHeader(status)
	_, _ = q.w.Write(body) //nolint:gosec // escaped by html/template or json; an error means that the client has gone
}

// isAPI reports whether the response is JSON.
func (q *request) isAPI() bool { return strings.HasPrefix(q.page, apiPrefix) }

// fail responds with an error.
func (q *request) fail(e *httpError) {
	if q.isAPI() {
		q.writeJSON(e.status, apiError{Error: e.text})
		return
	}
	q.write(e.status, "text/plain; charset=utf-8", []byte(e.text+"\n"))
}
