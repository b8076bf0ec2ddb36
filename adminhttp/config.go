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
	// Dispatcher is the dispatcher to show. The caller keeps and closes it.
	Dispatcher *signalcast.Dispatcher
	// Registry is the registry of the dispatcher.
	Registry *signalcast.Registry
	// Service is the name that the pages show. The default is "signalcast".
	Service string
	// TopicPrefix is the prefix of the dispatcher's option WithTopicPrefix. The page needs it to find the
	// topics of Configuration.
	TopicPrefix string
	// Configuration returns where the configuration comes from, and whether a newer one was rejected: the method Status
	// of a configfile.Watcher. A service without a watcher returns a status with Loaded. Nil leaves layers out.
	Configuration func() configfile.WatchStatus
	// Check reads the configuration again and applies it, for the button of the configuration page: the method Check of a
	// configfile.Watcher. Nil means no button.
	Check func(context.Context) error
	// Outbox returns the state of the outbox: a method of its store. It may ask the database, and gets 2 s for it.
	// It is called only when its page is shown.
	Outbox func(context.Context) (outbox.Status, error)
	// Relays are the relays of the process, by a name to show.
	Relays map[string]*outbox.Relay
	// Consumers are the consumers of the process, by a name to show.
	Consumers map[string]*consume.Consumer
	// Access says what a request may do. Nil permits viewing from the same machine: the peer and the
	// Host header are loopback addresses, and no header says that a proxy forwarded the request. It
	// permits nothing else.
	//
	// Access must authenticate the request by itself. It is called once for each request. Set it if a proxy
	// on the same machine forwards requests of others: a proxy that adds no header to them cannot be detected.
	Access func(*http.Request) Access
}

// Access is what a request may do.
type Access struct {
	// User is the name that switches are logged with.
	User string
	// View permits all pages, and dry runs.
	View bool
	// Operate permits switching routes and checking the configuration. It has no effect without View.
	Operate bool
}

// ConfigError reports a setting of a Config that is not valid.
type ConfigError struct {
	// Setting is the name of the field.
	Setting string
	// Found says what was found, and Want what is allowed.
	Found, Want string
}

// Error returns the fault on one line.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("adminhttp: %s: %s; want %s", e.Setting, e.Found, e.Want)
}

// check returns the faults of c.
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
		fault("Configuration", "found nil beside Check", "both, since the page shows what the check has found")
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

// configured returns the topic without the prefix, as configurations name it.
func (c *Config) configured(topic string) string {
	if c.TopicPrefix == "" {
		return topic
	}
	return strings.TrimPrefix(topic, c.TopicPrefix+"-")
}
