package adminhttp

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// page has the data of a page, and of the header and footer around it.
type page struct {
	Service  string
	Title    string
	Nav      []navItem
	Summary  summary
	Shape    string
	Operate  bool
	At       time.Time
	Failures int // groups of failures, for the number in the navigation
	Data     any
}

type navItem struct {
	Name, Title string
	Current     bool
}

// Clock returns a time as the pages show it.
func (p *page) Clock(t time.Time) string { return clock(t, p.At) }

// Ago returns the time since t in words.
func (p *page) Ago(t time.Time) string { return span(p.At.Sub(t)) }

// Left returns the time until t in words.
func (p *page) Left(t time.Time) string { return span(t.Sub(p.At)) }

// failureTable is a table of failures on a page.
type failureTable struct {
	Page *page
	List []failureView
}

// templates are the parsed pages by name.
type templates map[string]*template.Template

func parseTemplates() (templates, error) {
	functions := template.FuncMap{
		"number": func(n any) string {
			switch n := n.(type) {
			case int:
				return number(int64(n))
			case int64:
				return number(n)
			default:
				return fmt.Sprint(n)
			}
		},
		"next": func(i int) int { return i + 1 },
		"list": func(p *page, list []failureView) failureTable { return failureTable{p, list} },
		"rate": rate, "size": size, "count": count, "address": address,
		"icon": func(name any) template.HTML {
			return template.HTML(fmt.Sprintf(`<svg class="i" aria-hidden="true"><use href="#i-%s"/></svg>`, name)) //nolint:gosec // names are constants
		},
	}
	parsed := templates{}
	for _, name := range []string{"overview", "routes", "route", "failures", "try", "switches", "configuration", "outbox", "consumers"} {
		t, err := template.New("layout.html").Funcs(functions).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("adminhttp: parse the page %s: %w", name, err)
		}
		parsed[name] = t
	}
	return parsed, nil
}

// show responds with a page. title is empty for the overview.
func (h *Handler) show(q *request, status int, name, title string, s *snapshot, data any) {
	p := &page{
		Service: h.config.Service, Title: title, Nav: h.nav(q.page), Summary: s.summarize(), Shape: s.shape(),
		Operate: q.access.Operate, At: s.at, Failures: s.failures, Data: data,
	}
	var body bytes.Buffer
	if err := h.templates[name].Execute(&body, p); err != nil {
		q.fail(&httpError{http.StatusInternalServerError, "the page cannot be shown: " + err.Error()})
		return
	}
	q.write(status, "text/html; charset=utf-8", body.Bytes())
}

func (h *Handler) nav(current string) []navItem {
	items := []navItem{
		{Name: "./", Title: "Overview"},
		{Name: "routes", Title: "Routes"},
		{Name: "failures", Title: "Failures"},
		{Name: "try", Title: "Dry run"},
		{Name: "switches", Title: "Switches"},
		{Name: "configuration", Title: "Configuration"},
	}
	if h.hasPage("outbox") {
		items = append(items, navItem{Name: "outbox", Title: "Outbox"})
	}
	if h.hasPage("consumers") {
		items = append(items, navItem{Name: "consumers", Title: "Consumers"})
	}
	for i := range items {
		items[i].Current = items[i].Name == current || current == "" && i == 0 || current == "route" && items[i].Name == "routes"
	}
	return items
}

// assetTypes are the content types of the files that the pages use.
var assetTypes = map[string]string{ //nolint:gochecknoglobals // constant
	"admin.css": "text/css; charset=utf-8",
	"admin.js":  "text/javascript; charset=utf-8",
	"icon.svg":  "image/svg+xml",
}

// serveAsset serves a file of assetTypes.
func serveAsset(q *request) {
	body, err := assetFiles.ReadFile(path.Join("assets", q.page))
	if err != nil {
		q.fail(&httpError{http.StatusInternalServerError, "the file cannot be read: " + err.Error()})
		return
	}
	q.write(http.StatusOK, assetTypes[q.page], body)
}
