package cli

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/backends/redis"
)

// scheme is one form of the URLs that name a broker.
type scheme struct {
	name, form string
	open       func(text string, timeout time.Duration) (signalcast.Backend, error)
}

func schemes() []scheme {
	openRedis := func(text string, timeout time.Duration) (signalcast.Backend, error) {
		return redis.New(redis.Config{URL: text, DeliveryTimeout: timeout})
	}
	return []scheme{
		{"redis", "redis://[[user]:password@]host[:port][/db]", openRedis},
		{"rediss", "rediss://…                  the same over TLS", openRedis},
		{"memory", "memory:                     nowhere: the event is encoded and forgotten", func(string, time.Duration) (signalcast.Backend, error) {
			return memory.New(), nil
		}},
	}
}

func backendForms() string {
	forms := make([]string, len(schemes()))
	for i, s := range schemes() {
		forms[i] = "  " + s.form
	}
	return strings.Join(forms, "\n")
}

// openBackend makes the backend that a URL names. Errors do not show the URL,
// which may hold a password.
func openBackend(text string, timeout time.Duration) (signalcast.Backend, error) {
	name, _, _ := strings.Cut(text, ":")
	all := schemes()
	i := slices.IndexFunc(all, func(s scheme) bool { return s.name == name })
	if _, err := url.Parse(text); err != nil || i < 0 {
		return nil, fmt.Errorf("--to is not the URL of a broker; allowed are\n%s", backendForms())
	}
	return all[i].open(text, timeout)
}
