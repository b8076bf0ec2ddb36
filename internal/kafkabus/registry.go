package kafkabus

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
)

// registry registers each schema once for each subject and keeps its ID.
type registry struct {
	client *sr.Client
	http   *http.Client
	redact *strings.Replacer // replaces the password; nil without a password

	mu     sync.RWMutex
	byText map[registration]uint32
	inUse  map[placed]schemaIDs // cache over byText
}

// placed identifies the schemas of a message on a topic.
type placed struct {
	topic      string
	value, key *signalcast.Schema
}

// schemaIDs are the IDs of the schemas of a message in the registry.
type schemaIDs struct{ value, key uint32 }

// noSchema is the ID of a missing schema.
const noSchema = 0

// registration identifies one schema in the registry.
type registration struct{ subject, text string }

func newRegistry(c Config) (*registry, error) {
	r := &registry{byText: map[registration]uint32{}, inUse: map[placed]schemaIDs{}}
	if c.SchemaRegistry == "" {
		return r, nil
	}
	transport := &http.Transport{
		DialContext:         dialer(c, nil),
		TLSHandshakeTimeout: c.DialTimeout,
		TLSClientConfig:     cloned(c.SchemaRegistryTLS),
		MaxIdleConnsPerHost: registrations,
		ForceAttemptHTTP2:   true,
		Proxy:               c.SchemaRegistryProxy,
	}
	if transport.Proxy == nil {
		transport.Proxy = http.ProxyFromEnvironment
	}
	r.http = &http.Client{Transport: bounded{transport}, Timeout: c.RequestTimeout, CheckRedirect: stayEncrypted}
	options := []sr.ClientOpt{
		sr.URLs(strings.TrimRight(c.SchemaRegistry, "/")),
		sr.HTTPClient(r.http),
		sr.UserAgent(c.ClientID),
		sr.LogLevel(0),
	}
	if user, password := c.SchemaRegistryUsername, c.SchemaRegistryPassword; user != "" {
		options = append(options, sr.BasicAuth(user, password))
		if password != "" {
			basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
			r.redact = strings.NewReplacer(basic, "***", password, "***")
		}
	}
	client, err := sr.NewClient(options...)
	if err != nil {
		return nil, fault("SchemaRegistry", "found a URL that the client rejects: "+err.Error(), "the URL of a registry")
	}
	r.client = client
	return r, nil
}

// bounded reads at most 1 MiB of a response.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	const most = 1 << 20
	response, err := b.Transport.RoundTrip(request)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, most), response.Body}
	}
	return response, err //nolint:wrapcheck // between two libraries
}

// stayEncrypted rejects redirects from https to http, which would send the credentials in the clear.
func stayEncrypted(next *http.Request, before []*http.Request) error {
	const most = 10
	switch {
	case next.URL.Scheme != "https" && before[0].URL.Scheme == "https":
		return errors.New("the registry redirects from https to http")
	case len(before) == most:
		return errors.New("the registry redirects more than 10 times")
	default:
		return nil
	}
}

func cloned(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	return c.Clone()
}

// known returns the IDs of the schemas of a message, if they are registered.
func (r *registry) known(m *signalcast.Message) (ids schemaIDs, ok bool) {
	used := placed{m.Topic, m.Event.ValueSchema, m.KeySchema}
	if used.value == nil && used.key == nil {
		return schemaIDs{}, true
	}
	r.mu.RLock()
	ids, ok = r.inUse[used]
	r.mu.RUnlock()
	if ok {
		return ids, true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ids.value, ok = r.id(m.Topic, used.value); !ok {
		return schemaIDs{}, false
	}
	if ids.key, ok = r.id(m.Topic, used.key); !ok {
		return schemaIDs{}, false
	}
	r.inUse[used] = ids
	return ids, true
}

// id returns the ID of a schema that is registered. It is called with mu held.
func (r *registry) id(topic string, s *signalcast.Schema) (id uint32, ok bool) {
	if s == nil {
		return noSchema, true
	}
	id, ok = r.byText[registration{subject(topic, s), s.Text}]
	return id, ok
}

// register registers the schema for the topic, unless it is registered. An error is a
// *kafkaconfig.SchemaError.
func (r *registry) register(ctx context.Context, topic string, s *signalcast.Schema) error {
	r.mu.RLock()
	_, ok := r.id(topic, s)
	r.mu.RUnlock()
	if ok {
		return nil
	}
	wanted := registration{subject(topic, s), s.Text}
	id, err := r.ask(ctx, wanted)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byText[wanted] = id
	return nil
}

func (r *registry) ask(ctx context.Context, wanted registration) (uint32, error) {
	if r.client == nil {
		return 0, &kafkaconfig.SchemaError{Subject: wanted.subject, Rejected: true, Err: errNoRegistry}
	}
	id, err := r.client.RegisterSchema(ctx, wanted.subject, sr.Schema{Schema: wanted.text}, -1, -1)
	switch {
	case err != nil:
		return 0, &kafkaconfig.SchemaError{Subject: wanted.subject, Rejected: rejected(err), Err: r.redacted(err)}
	case id <= 0 || int64(id) > math.MaxUint32:
		return 0, &kafkaconfig.SchemaError{Subject: wanted.subject, Err: errNoID}
	default:
		return uint32(id), nil
	}
}

var (
	errNoRegistry = errors.New("Config.SchemaRegistry: found nothing; want the URL of a registry for the schemas of the codec")
	errNoID       = errors.New("found a response without an ID of 32 bits")
)

// redacted returns err without the password, which a response may quote, and with at most
// 1,000 bytes of text. An error that needs neither is returned as it is.
func (r *registry) redacted(err error) error {
	const most = 1000
	text := err.Error()
	if r.redact != nil {
		text = r.redact.Replace(text)
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// subject returns the name under which the reference registers a schema: the topic and
// the name of the record or of the primitive type.
func subject(topic string, s *signalcast.Schema) string { return topic + "-" + s.Name }

// rejected reports whether a retry would get the same response.
func rejected(err error) bool {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return true
	}
	var response *sr.ResponseError
	if !errors.As(err, &response) {
		return false
	}
	switch response.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	default:
		return response.StatusCode >= 400 && response.StatusCode < 500
	}
}

// missing reports whether the registry does not know a registered schema any more.
func (r *registry) missing(ctx context.Context, known registration) bool {
	r.mu.RLock()
	id, ok := r.byText[known]
	r.mu.RUnlock()
	if !ok {
		return false
	}
	_, err := r.client.SchemaByID(ctx, int(id))
	var response *sr.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusNotFound
}

// registered returns the schemas that are registered.
func (r *registry) registered() []registration {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Keys(r.byText))
}

// forget makes the next message with a schema register it again.
func (r *registry) forget(known registration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byText, known)
	clear(r.inUse)
}

func (r *registry) close() {
	if r.http != nil {
		r.http.CloseIdleConnections()
	}
}
