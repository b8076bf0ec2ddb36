package browser_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/adminhttp"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
	consumeredis "github.com/signalcast/signalcast/consume/redis"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/memory"
)

// patience is the longest wait for a condition.
const patience = 20 * time.Second

// server is a Redis of the test.
type server struct {
	dir string
	url string
}

func startRedis(t *testing.T) *server {
	t.Helper()
	s := &server{dir: t.TempDir()}
	s.run(t, "start")
	t.Cleanup(func() { s.run(t, "stop") })
	s.url = strings.TrimSpace(s.run(t, "url"))
	return s
}

var script, errScript = filepath.Abs("../servers/redis.sh")

// run runs a command of test/servers/redis.sh.
func (s *server) run(t *testing.T, args ...string) string {
	t.Helper()
	require.NoError(t, errScript)
	text, err := exec.CommandContext(context.WithoutCancel(t.Context()), script, append([]string{"--dir", s.dir}, args...)...).Output()
	require.NoError(t, err)
	return string(text)
}

// service is a service with the admin page.
type service struct {
	*httptest.Server

	t          *testing.T
	redis      *server
	registry   *signalcast.Registry
	dispatcher *signalcast.Dispatcher
	consumer   *consume.Consumer
	file       string // the path of the configuration
}

const (
	prefix = "prod"
	enroll = "org.openedx.learning.course.enrollment.created.v1"
	badge  = "org.openedx.learning.badge.awarded.v1"
)

// enabled are the event types whose topics the service enables.
var enabled = []string{
	enroll,
	"org.openedx.content_authoring.xblock.published.v1",
	"org.openedx.learning.exam.attempt.submitted.v1",
	"org.openedx.learning.certificate.created.v1",
	badge,
	"org.openedx.content_authoring.course.catalog_info.changed.v1",
	"org.openedx.content_authoring.xblock.deleted.v1",
	"org.openedx.learning.course.passing.status.updated.v1",
	"org.openedx.learning.course.unenrollment.completed.v1",
}

// defaults returns the configuration of Open edX with a topic for enrollments.
func defaults() signalcast.ProducerConfig {
	key, no := "enrollment.course.course_key", false
	return signalcast.MergeProducerConfigs(openedx.DefaultConfig(), signalcast.ProducerConfig{
		enroll: {"course-enrollment-lifecycle": {EventKeyField: &key, Enabled: &no}},
		"org.openedx.learning.course.unenrollment.completed.v1": {"course-enrollment-lifecycle": {EventKeyField: &key, Enabled: &no}},
	})
}

// startService starts a service that publishes to a Redis of its own.
func startService(t *testing.T) *service {
	t.Helper()
	return startServiceWith(t, filepath.Join(t.TempDir(), "site.yaml"))
}

// startServiceWith starts a service whose configuration is in a file.
func startServiceWith(t *testing.T, file string) *service {
	t.Helper()
	s := &service{t: t, redis: startRedis(t), file: file}
	s.registry = signalcast.NewRegistry(signalcast.WithSource(openedx.Source("lms")))
	require.NoError(t, s.registry.Register(openedx.Signals()...))
	s.configure(enabled...)
	backend, err := redis.New(redis.Config{URL: s.redis.url})
	require.NoError(t, err)
	loaded, err := configfile.Load(s.registry, configfile.File(s.file))
	require.NoError(t, err)
	s.dispatcher, err = signalcast.NewDispatcher(t.Context(), s.registry, loaded.Merged, backend, signalcast.WithTopicPrefix(prefix),
		signalcast.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.dispatcher.Close(s.closing())) })
	watcher, err := configfile.Watch(s.dispatcher, loaded, configfile.WatchConfig{Interval: 100 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, watcher.Close(s.closing())) })
	store := memory.New()
	relay, err := outbox.NewRelay(store, backend, outbox.Config{})
	require.NoError(t, err)
	s.background(relay.Run)
	s.newConsumer()
	s.background(s.consumer.Run)
	admin, err := adminhttp.New(adminhttp.Config{
		Dispatcher: s.dispatcher, Registry: s.registry, Service: "lms", TopicPrefix: prefix,
		Configuration: watcher.Status, Check: watcher.Check,
		Outbox: store.Status, Relays: map[string]*outbox.Relay{"default": relay}, Consumers: map[string]*consume.Consumer{"catalog": s.consumer},
		Access: func(r *http.Request) adminhttp.Access {
			return adminhttp.Access{User: "ops", View: r.URL.Query().Get("as") != "stranger", Operate: r.URL.Query().Get("as") == ""}
		},
	})
	require.NoError(t, err)
	t.Cleanup(admin.Close)
	mux := http.NewServeMux()
	mux.Handle("/admin/", admin)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// closing returns a context for closing what the test started.
func (s *service) closing() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	return ctx
}

// newConsumer makes a consumer of the enrollments.
func (s *service) newConsumer() {
	source, err := consumeredis.New(consumeredis.Config{Server: redis.Config{URL: s.redis.url}, Group: "catalog", Topics: []string{s.stream(enroll)}})
	require.NoError(s.t, err)
	s.consumer, err = consume.New(s.registry, source, consume.Config{
		HandleAll: true,
		Handle:    func(context.Context, *signalcast.Received) error { return nil },
	})
	require.NoError(s.t, err)
}

// background runs a function until the test ends.
func (s *service) background(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		require.NoError(s.t, <-ended)
	})
}

// configure writes the default configuration with the topics of some event types enabled.
func (s *service) configure(eventTypes ...string) {
	c := defaults()
	yes := true
	for _, e := range eventTypes {
		topics := c[e]
		require.NotEmpty(s.t, topics, e)
		for name, topic := range topics {
			topic.Enabled = &yes
			topics[name] = topic
		}
	}
	text, err := json.MarshalIndent(c, "", "  ") // JSON is YAML
	require.NoError(s.t, err)
	s.write(string(text))
}

func (s *service) write(text string) {
	require.NoError(s.t, os.WriteFile(s.file, []byte(text), 0o600))
}

// stream returns the full name of the only topic of an event type.
func (s *service) stream(eventType string) string {
	for name := range defaults()[eventType] {
		return prefix + "-" + name
	}
	s.t.Fatal("no topic of " + eventType)
	return ""
}

// length returns the number of entries of a stream.
func (s *service) length(stream string) (n int) {
	_, err := fmt.Sscan(s.redis.run(s.t, "cli", "xlen", stream), &n)
	require.NoError(s.t, err)
	return n
}

// send sends a sample of an event type again and again until the test ends.
func (s *service) send(eventType string, every time.Duration) {
	sample, err := s.registry.Sample(eventType)
	require.NoError(s.t, err)
	s.background(func(ctx context.Context) error {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				_, _ = s.registry.SendJSONAsync(ctx, eventType, sample) // an error means that the test closed the dispatcher or stopped Redis
			}
		}
	})
}
