package kafkabus_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// nowhere is an address without a listener.
const nowhere = "127.0.0.1:1"

func TestPrepareNeedsNoBroker(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		s := newSchemas()
		hyphen := s.route("fine")
		hyphen.EventType = "org.example.redemption-reversed.v1"
		hyphen.ValueSchema = &signalcast.Schema{Name: hyphen.EventType + ".CloudEvent", Text: s.value.Text}
		json := hyphen
		json.ValueSchema, json.KeySchema = nil, nil
		disabled := s.route("not legal")
		disabled.Enabled = false
		for _, c := range []struct {
			name   string
			routes []signalcast.Route
			want   []string
		}{
			{"a legal name", []signalcast.Route{s.route("Some.topic_1-x")}, nil},
			{"the longest name", []signalcast.Route{s.route(strings.Repeat("t", 249))}, nil},
			{"a name that is too long", []signalcast.Route{s.route(strings.Repeat("t", 250))}, []string{"1 to 249"}},
			{"names that mean directories", []signalcast.Route{s.route("."), s.route("..")}, []string{`topic ".": found`, `topic "..": found`}},
			{"a disabled route with an illegal name", []signalcast.Route{disabled}, []string{`topic "not legal"`, eventType}},
			{"a hyphen in an event type", []signalcast.Route{hyphen}, []string{hyphen.EventType, `found "redemption-reversed"`, "namespace"}},
			{"a hyphen in an event type that is written as JSON", []signalcast.Route{json}, nil},
			{"several faults", []signalcast.Route{s.route("a b"), hyphen, s.route("c d")}, []string{"a b", "redemption-reversed", "c d"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				registry := kafkatest.NewRegistry(t)
				b := start(t, open, kafkabus.Config{Brokers: []string{nowhere}, SchemaRegistry: registry.URL})
				err := b.Prepare(t.Context(), c.routes)
				if c.want == nil {
					require.NoError(t, err)
				}
				for _, part := range c.want {
					require.ErrorContains(t, err, part)
				}
				if err != nil {
					require.Empty(t, registry.Requests(), "a rejected route table changes nothing")
				}
			})
		}
	})
}

func TestPrepareRegistersEachSchemaOnce(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		registry := kafkatest.NewRegistry(t)
		s, same := newSchemas(), newSchemas()
		off := s.route("off")
		off.Enabled = false
		b := start(t, open, kafkabus.Config{
			Brokers: []string{nowhere}, SchemaRegistry: registry.URL + "/",
			SchemaRegistryUsername: "name", SchemaRegistryPassword: "password",
		})
		for range 2 {
			require.NoError(t, b.Prepare(t.Context(), []signalcast.Route{s.route("a"), s.route("b"), same.route("b"), off}))
		}
		require.Equal(t, []string{
			"a-" + eventType + ".CloudEvent", "a-string", "b-" + eventType + ".CloudEvent", "b-string",
		}, registry.Subjects())
		for _, r := range registry.Requests() {
			name, password, ok := r.BasicAuth()
			require.True(t, ok)
			require.Equal(t, [2]string{"name", "password"}, [2]string{name, password})
		}
	})
}

func TestPrepareReturnsTheErrorOfTheRegistry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		status   int // 0 means unreachable
		rejected bool
	}{
		{"an incompatible schema", http.StatusConflict, true},
		{"an invalid schema", http.StatusUnprocessableEntity, true},
		{"wrong credentials", http.StatusUnauthorized, true},
		{"a failing registry", http.StatusInternalServerError, false},
		{"a registry that asks for patience", http.StatusTooManyRequests, false},
		{"a registry that is away", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
				url := "http://" + nowhere
				if c.status != 0 {
					registry := kafkatest.NewRegistry(t)
					registry.Fail(c.status)
					url = registry.URL
				}
				b := start(t, open, kafkabus.Config{
					Brokers: []string{nowhere}, SchemaRegistry: url,
					SchemaRegistryUsername: "name", SchemaRegistryPassword: "very-secret",
				})
				ctx := t.Context()
				if !c.rejected {
					bounded, cancel := context.WithTimeout(ctx, briefly)
					defer cancel()
					ctx = bounded
				}
				began := time.Now()
				err := b.Prepare(ctx, []signalcast.Route{newSchemas().route("topic")})
				var schema *kafkaconfig.SchemaError
				require.ErrorAs(t, err, &schema)
				require.Equal(t, c.rejected, schema.Rejected)
				require.ErrorContains(t, err, "topic-"+eventType+".CloudEvent")
				require.NotContains(t, err.Error(), "very-secret")
				require.Less(t, time.Since(began), patience, "the context bounds the wait")
			})
		})
	}
}

func TestPrepareWaitsForTheRegistry(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		registry := kafkatest.NewRegistry(t)
		registry.Fail(http.StatusServiceUnavailable)
		b := start(t, open, kafkabus.Config{Brokers: []string{nowhere}, SchemaRegistry: registry.URL})
		prepared := make(chan error, 1)
		go func() { prepared <- b.Prepare(context.Background(), []signalcast.Route{newSchemas().route("topic")}) }()
		require.Eventually(t, func() bool { return len(registry.Requests()) > 0 }, patience, time.Millisecond)
		registry.Fail(0)
		require.NoError(t, <-prepared)
	})
}

func TestRegistryThatIsAwayDoesNotStopTheStart(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		s := newSchemas()
		var log warnings
		cluster, registry := kafkatest.NewCluster(t), kafkatest.NewRegistry(t)
		registry.Fail(http.StatusServiceUnavailable)
		b := start(t, open, kafkabus.Config{
			Brokers: cluster.ListenAddrs(), SchemaRegistry: registry.URL, SchemaTimeout: time.Second, Logger: log.logger(),
		}, s.route("one"), s.route("two"))
		require.Contains(t, log.String(), `level=WARN msg="schema registry is unreachable, registering schemas with the first messages"`)
		known := publish(t, b, s.message("one", "key", 1))
		reporter := b.(interface{ Troubles() []signalcast.Trouble })
		require.Eventually(t, func() bool { return len(reporter.Troubles()) == 1 }, patience, time.Millisecond)
		require.Equal(t, "one", reporter.Troubles()[0].Topic)
		require.ErrorContains(t, reporter.Troubles()[0].Err, "the test says so")
		registry.Fail(0)
		delivered(t, known)
		require.Empty(t, reporter.Troubles())

		registry.Fail(http.StatusConflict)
		require.Error(t, b.Prepare(t.Context(), []signalcast.Route{s.route("three")}), "a rejection still stops it")
	})
}

func TestRequiredTopicsMustExist(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewStrictCluster(t, kfake.SeedTopics(1, "there"))
		route := func(topic string, enabled bool) signalcast.Route {
			return signalcast.Route{EventType: "org.example.thing.happened.v1", Topic: topic, Enabled: enabled}
		}
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), RequireTopics: true, RequestTimeout: soon}, route("there", true), route("off", false))
		err := b.Prepare(t.Context(), []signalcast.Route{route("there", true), route("gone", true), route("lost", true)})
		require.ErrorIs(t, err, kafkaconfig.ErrUnknownTopic)
		require.ErrorContains(t, err, `event type "org.example.thing.happened.v1": topic "gone": `)
		require.ErrorContains(t, err, `topic "lost": `)
		require.ErrorContains(t, err, "want a topic that exists, or Config.RequireTopics false")
		require.NotContains(t, err.Error(), `"there"`)
		cluster.Stop()
		require.ErrorContains(t, b.Prepare(t.Context(), []signalcast.Route{route("there", true)}), "which Config.RequireTopics requires: ")
	})
}

func TestDeletedSchemaIsRegisteredAgain(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		s := newSchemas()
		var log warnings
		cluster, registry := kafkatest.NewCluster(t), kafkatest.NewRegistry(t)
		b := start(t, open, kafkabus.Config{
			Brokers: cluster.ListenAddrs(), SchemaRegistry: registry.URL, SchemaCheck: 5 * time.Millisecond, Logger: log.logger(),
		}, s.route("topic"))
		delivered(t, publish(t, b, s.message("topic", "key", 1)))
		require.NotContains(t, log.String(), "missing")
		registry.Delete()
		require.Eventually(t, func() bool { // for the value and the key
			return strings.Count(log.String(), "schema is missing in the registry, registering it again") == 2
		}, patience, time.Millisecond)
		delivered(t, publish(t, b, s.message("topic", "key", 2)))
		records := cluster.Read(t, "topic")
		require.NotEqual(t, records[0].Value[:5], records[1].Value[:5], "the ID of the schema")
	})
}

func TestPrepareRejectsASchemaWithoutARegistry(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		b := start(t, open, kafkabus.Config{Brokers: []string{nowhere}})
		err := b.Prepare(t.Context(), []signalcast.Route{newSchemas().route("topic")})
		var schema *kafkaconfig.SchemaError
		require.ErrorAs(t, err, &schema)
		require.ErrorContains(t, err, `is not registered: Config.SchemaRegistry: found nothing`)
	})
}

func TestRegistryProxyIsUsed(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		proxy := kafkatest.NewRegistry(t) // a proxy gets the requests for every host
		b := start(t, open, kafkabus.Config{
			Brokers: []string{nowhere}, SchemaRegistry: "http://registry.example.org:8081",
			SchemaRegistryProxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) },
		})
		require.NoError(t, b.Prepare(t.Context(), []signalcast.Route{newSchemas().route("topic")}))
		require.Equal(t, "registry.example.org:8081", proxy.Requests()[0].Host)
	})
}

func TestRegistryTLSIsChecked(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		server := httptest.NewUnstartedServer(kafkatest.NewRegistry(t))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		trusted := x509.NewCertPool()
		trusted.AddCert(server.Certificate())
		route := newSchemas().route("topic")
		b := start(t, open, kafkabus.Config{
			Brokers: []string{nowhere}, SchemaRegistry: server.URL,
			SchemaRegistryTLS: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		})
		require.NoError(t, b.Prepare(t.Context(), []signalcast.Route{route}))

		distrustful := start(t, open, kafkabus.Config{Brokers: []string{nowhere}, SchemaRegistry: server.URL})
		err := distrustful.Prepare(t.Context(), []signalcast.Route{route})
		var certificate *tls.CertificateVerificationError
		require.ErrorAs(t, err, &certificate)
	})
}

func TestRegistryMustNotRedirectToPlainHTTP(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		plain := kafkatest.NewRegistry(t)
		server := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusTemporaryRedirect))
		t.Cleanup(server.Close)
		trusted := x509.NewCertPool()
		trusted.AddCert(server.Certificate())
		b := start(t, open, kafkabus.Config{
			Brokers: []string{nowhere}, SchemaRegistry: server.URL, SchemaRegistryUsername: "name", SchemaRegistryPassword: "very-secret",
			SchemaRegistryTLS: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		})
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		defer cancel()
		require.ErrorContains(t, b.Prepare(ctx, []signalcast.Route{newSchemas().route("topic")}), "redirects from https to http")
		require.Empty(t, plain.Requests())
	})
}

func TestRegisterOnUseRegistersWithTheFirstMessage(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		s := newSchemas()
		setUp := func(t *testing.T, timeout time.Duration) (*kafkatest.Cluster, *kafkatest.Registry, signalcast.Backend) {
			t.Helper()
			cluster, registry := kafkatest.NewCluster(t), kafkatest.NewRegistry(t)
			registry.Fail(http.StatusServiceUnavailable)
			return cluster, registry, start(t, open, kafkabus.Config{
				Brokers: cluster.ListenAddrs(), SchemaRegistry: registry.URL, RegisterOnUse: true, DeliveryTimeout: timeout,
			}, s.route("topic"))
		}
		t.Run("messages wait in order for a registry that is away", func(t *testing.T) {
			t.Parallel()
			cluster, registry, b := setUp(t, patience)
			var known []<-chan outcome
			const count = 5000
			for n := range count {
				if n == count/2 {
					registry.Fail(0)
				}
				known = append(known, publish(t, b, s.message("topic", "key", n)))
			}
			delivered(t, known...)
			records := cluster.Read(t, "topic")
			require.Len(t, records, count)
			for n, r := range records {
				require.Equal(t, s.message("topic", "key", n).Event.Value, r.Value[5:])
			}
			require.Len(t, registry.Subjects(), 2)
		})
		t.Run("a topic without schemas does not wait for another", func(t *testing.T) {
			t.Parallel()
			_, _, b := setUp(t, patience)
			publish(t, b, s.message("topic", "key", 1))
			delivered(t, publish(t, b, schemas{}.message("json", "key", 1)))
		})
		t.Run("a rejection is the failure of the message", func(t *testing.T) {
			t.Parallel()
			_, registry, b := setUp(t, patience)
			registry.Fail(http.StatusConflict)
			err := failure(t, publish(t, b, s.message("topic", "key", 1)), signalcast.FateNotWritten)
			var schema *kafkaconfig.SchemaError
			require.ErrorAs(t, err, &schema)
			require.True(t, schema.Rejected)
			registry.Fail(0)
			delivered(t, publish(t, b, s.message("topic", "key", 2)))
		})
		t.Run("a message fails when its time is up", func(t *testing.T) {
			t.Parallel()
			_, _, b := setUp(t, soon)
			for _, known := range publishMany(t, b, s, 3) {
				err := failure(t, known, signalcast.FateNotWritten)
				require.ErrorIs(t, err, signalcast.ErrDeliveryTimeout)
				var schema *kafkaconfig.SchemaError
				require.ErrorAs(t, err, &schema)
				require.ErrorContains(t, err, "the test says so")
			}
		})
		t.Run("Close ends the wait", func(t *testing.T) {
			t.Parallel()
			_, _, b := setUp(t, patience)
			known := publish(t, b, s.message("topic", "key", 1))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, b.Close(ctx), context.Canceled)
			require.ErrorIs(t, failure(t, known, signalcast.FateNotWritten), signalcast.ErrClosed)
		})
	})
}
