package adminhttp

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// httpError is an error response.
type httpError struct {
	status int
	text   string
}

// forwarding are the headers that proxies add to requests.
var forwarding = [...]string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"} //nolint:gochecknoglobals // constant

// permit returns what a request may do, or an error if it may not view the page.
func (h *Handler) permit(r *http.Request) (Access, *httpError) {
	if h.config.Access != nil {
		access := h.config.Access(r)
		if !access.View {
			return Access{}, &httpError{http.StatusForbidden, "access denied"}
		}
		return access, nil
	}
	switch {
	case !loopbackPeer(r.RemoteAddr):
		return Access{}, &httpError{http.StatusForbidden, "access denied: the request comes from another machine; want one from this machine, or Config.Access"}
	case !loopbackHost(r.Host):
		return Access{}, &httpError{http.StatusForbidden, "access denied: the Host header is not a loopback address; want localhost, or Config.Access"}
	}
	for _, name := range forwarding {
		if r.Header.Get(name) != "" {
			return Access{}, &httpError{http.StatusForbidden, "access denied: the request was forwarded by a proxy; want a direct one, or Config.Access"}
		}
	}
	return Access{View: true}, nil
}

// permitPost returns an error if a POST request is not permitted. operate is true if it needs Access.Operate.
func (h *Handler) permitPost(q *request, operate bool) *httpError {
	if err := h.origins.Check(q.Request); err != nil {
		return &httpError{http.StatusForbidden, "access denied: " + err.Error()}
	}
	if operate && !q.access.Operate {
		return &httpError{http.StatusForbidden, "access denied: viewing only; want Access.Operate"}
	}
	want := "application/x-www-form-urlencoded"
	if q.isAPI() {
		want = "application/json"
	}
	if found, _, err := mime.ParseMediaType(q.Header.Get("Content-Type")); err != nil || found != want {
		return &httpError{http.StatusUnsupportedMediaType, "unsupported content type; want " + want}
	}
	if q.ContentLength > maxBody {
		return tooLarge()
	}
	return nil
}

func tooLarge() *httpError {
	return &httpError{http.StatusRequestEntityTooLarge, "the body is too large; want at most 1 MiB"}
}

func loopbackPeer(address string) bool {
	peer, err := netip.ParseAddrPort(address)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}

// loopbackHost reports whether a Host header is localhost or a loopback address. Other names are not permitted, even if
// they resolve to a loopback address: a site could name this machine in its own domain, and read the page with a script.
func loopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(name)
	return err == nil && address.Unmap().IsLoopback()
}
