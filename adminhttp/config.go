package adminhttp

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/outbox"
)

// Config configures a Handler. Dispatcher and Registry are required. The functions must be safe for
// concurrent use.
type Config struct {
	// Dispatcher is the dispatcher to show. The caller closes it.
	Dispatcher *signalcast.Dispatcher
	// Registry is the registry of the dispatcher.
	Registry *signalcast.Registry
	// Service is the name of the service on the pages. The default is "signalcast".
	Service string
	// TopicPrefix is the prefix given to WithTopicPrefix. The pages need it to find the topics of the
	// dispatcher in Configuration.
	TopicPrefix string
	// Configuration returns the layers of the configuration, and the error of a newer one that was rejected. It is the
	// method Status of a configfile.Watcher. A service without a watcher returns a status with Loaded. If it is nil, the
	// pages show no layers.
	Configuration func() configfile.WatchStatus
	// Check reads the configuration again and applies it. It is the method Check of a configfile.Watcher. If it is nil,
	// the configuration page has no button for it.
	Check func(context.Context) error
	// Outbox returns the state of the outbox. It is the method Status of the store. It is called for each request for
	// the outbox page, with a context that ends after 2 s.
	Outbox func(context.Context) (outbox.Status, error)
	// Relays are the relays of the process, by the names to show.
	Relays map[string]*outbox.Relay
	// Consumers are the consumers of the process, by the names to show.
	Consumers map[string]*consume.Consumer
	// Access returns what a request may do. Nil permits viewing from the same machine, and nothing else: the
	// peer and the Host header must be loopback addresses, and the request must not have a header that a proxy
	// added.
	//
	// Access must authenticate the request. It is called once for each request. Set it if a proxy
	// on the same machine forwards requests of others: a proxy that adds no header to them cannot be detected.
	Access func(*http.Request) Access
}

// Access has the permissions of a request.
type Access struct {
	// User is the name for the log and the pages when the request switches routes.
	User string
	// View permits all pages, and dry runs.
	View bool
	// Operate permits switching routes and checking the configuration. It has no effect without View.
	Operate bool
}

// ConfigError reports an invalid setting of a Config.
type ConfigError struct {
	// Setting is the name of the field.
	Setting string
	// Found is what was found, and Want what is allowed.
	Found, Want string
}

// Error returns the fault on one line.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("adminhttp: %s: %s; want %s", e.Setting, e.Found, e.Want)
}

// check returns a *ConfigError for each fault of c.
func (c *Config) check() []error {
	var faults []error
	fault := func(setting, found, want string) {
		faults = append(faults, &ConfigError{setting, found, want})
	}
	if c.Dispatcher == nil {
		fault("Dispatcher", "found nil", "the dispatcher to show")
	}
	if c.Registry == nil {
		fault("Registry", "found nil", "the registry of the dispatcher")
	}
	if c.Check != nil && c.Configuration == nil {
		fault("Configuration", "found nil beside Check", "both, since the page shows the result of Check")
	}
	for name, relay := range c.Relays {
		if relay == nil {
			fault("Relays", fmt.Sprintf("found nil for %q", name), "a relay")
		}
	}
	for name, consumer := range c.Consumers {
		if consumer == nil {
			fault("Consumers", fmt.Sprintf("found nil for %q", name), "a consumer")
		}
	}
	if c.Dispatcher != nil && c.TopicPrefix != "" {
		for _, r := range c.Dispatcher.Routes() {
			if !strings.HasPrefix(r.Topic, c.TopicPrefix+"-") {
				fault("TopicPrefix", fmt.Sprintf("found %q and the topic %q", c.TopicPrefix, r.Topic), "the prefix given to WithTopicPrefix")
				break
			}
		}
	}
	return faults
}

// withoutPrefix returns the topic without TopicPrefix, as the configuration names it.
func (c *Config) withoutPrefix(topic string) string {
	if c.TopicPrefix == "" {
		return topic
	}
	return strings.TrimPrefix(topic, c.TopicPrefix+"-")
}
