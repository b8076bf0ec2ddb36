package signalcasttest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/signalcasttest"
)

type ticket struct {
	Number string `avro:"number"`
}

type ticketWithNote struct {
	Number string  `avro:"number"`
	Note   *string `avro:"note"`
}

type ticketWithoutNumber struct {
	Note *string `avro:"note"`
}

// registryOf returns a registry with one signal with data of type T.
func registryOf[T any](t *testing.T) *signalcast.Registry {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(signalcast.NewSignal[T]("org.example.ticket.sold.v1")))
	return registry
}

func TestRequireCompatibleComparesTheRegistryWithItsFile(t *testing.T) {
	t.Setenv(signalcasttest.UpdateSchemas, "")
	file := filepath.Join(t.TempDir(), "schemas.json")
	failure := func(registry *signalcast.Registry) string {
		return failureOf(t, func(t testing.TB) { signalcasttest.RequireCompatible(t, registry, file) })
	}
	update := func(registry *signalcast.Registry) string {
		t.Setenv(signalcasttest.UpdateSchemas, "1")
		defer t.Setenv(signalcasttest.UpdateSchemas, "")
		return failure(registry)
	}
	require.Equal(t, file+": missing; run the test with SIGNALCAST_UPDATE_SCHEMAS=1 to create it", failure(registryOf[ticket](t)))
	require.Empty(t, update(registryOf[ticket](t)))
	require.Empty(t, failure(registryOf[ticket](t)))

	const added = "\n\torg.example.ticket.sold.v1: note: found a new field of type null or string; breaks every consumer on Redis until it has the schema of the producer"
	require.Equal(t, file+": out of date, though no change breaks old consumers on Kafka"+added+"\nrun the test with SIGNALCAST_UPDATE_SCHEMAS=1 to update it",
		failure(registryOf[ticketWithNote](t)))
	require.Contains(t, failure(registryOf[ticketWithNote](t)), "out of date", "a failure does not write the file")

	const removed = "\n\torg.example.ticket.sold.v1: number: missing; want string; breaks old consumers on Kafka, and every consumer on Redis until it has the schema of the producer"
	require.Equal(t, file+": changes break consumers:"+removed+added+"\nuse a new event type, or run the test with SIGNALCAST_UPDATE_SCHEMAS=1 to accept the changes",
		failure(registryOf[ticketWithoutNumber](t)))
	require.Equal(t, file+": updated, though changes break consumers:"+removed, update(registryOf[ticketWithoutNumber](t)))
	require.Empty(t, failure(registryOf[ticketWithoutNumber](t)))

	require.NoError(t, os.WriteFile(file, []byte("[]"), 0o600))
	require.Contains(t, failure(registryOf[ticket](t)), file+": snapshot of schemas: found text that does not parse")
	file = filepath.Dir(file)
	require.Contains(t, failure(registryOf[ticket](t)), "is a directory")
}
