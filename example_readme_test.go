package signalcast_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
	redissource "github.com/signalcast/signalcast/consume/redis"
	"github.com/signalcast/signalcast/signalcasttest"
)

// The code of README.md. Its signal is the one of the package's Example.
func Example_readme() {
	ctx := context.Background()

	registry := signalcast.NewRegistry(signalcast.WithSource("example/catalog/web"))
	err := registry.Register(Published)
	check(err)

	loaded, err := configfile.Load(registry, configfile.File("site.json"), configfile.Environment("EVENT_BUS_PRODUCER_CONFIG"))
	check(err)
	backend, err := redis.New(redis.Config{URL: "redis://127.0.0.1:6379/0"})
	check(err)
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, loaded.Merged, backend, signalcast.WithTopicPrefix("prod"))
	check(err)

	// Anywhere, once the registry has the dispatcher of the next section:
	err = Published.Send(ctx, registry, CoursePublished{CourseKey: "course-v1:edX+DemoX", Title: "Demo"})
	check(err)

	// At the end: waits until every message is acknowledged, or ctx ends.
	err = dispatcher.Close(ctx)
	check(err)
}

// The code of README.md for the service that receives.
func Example_readmeReceiver() {
	ctx := context.Background()
	registry := signalcast.NewRegistry()
	check(registry.Register(Published))
	index := func(context.Context, signalcast.UUID, string, string) error { return nil }

	_, err := Published.Connect(registry, func(ctx context.Context, e signalcast.Event[CoursePublished]) error {
		return index(ctx, e.ID, e.Data.CourseKey, e.Data.Title)
	})
	check(err)
	source, err := redissource.New(redissource.Config{
		Server: redis.Config{URL: "redis://127.0.0.1:6379/0"}, Group: "search", Topics: []string{"prod-courses"},
	})
	check(err)
	consumer, err := consume.New(registry, source, consume.Config{})
	check(err)
	err = consumer.Run(ctx) // until ctx ends
	check(err)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func TestPublishesCourses(t *testing.T) {
	t.Parallel()
	_, site, _ := strings.Cut(readText(t, "README.md"), "```json\n")
	site, _, _ = strings.Cut(site, "```")
	config, err := signalcast.ParseProducerConfig([]byte(site))
	require.NoError(t, err)

	bus := signalcasttest.New(t, config, Published)
	require.NoError(t, Published.Send(t.Context(), bus.Registry, CoursePublished{CourseKey: "course-v1:edX+DemoX"}))
	bus.RequirePublished(t, "courses", "course-v1:edX+DemoX")
}

func TestReadmeShowsCodeThatCompiles(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, file := range []string{"example_test.go", "example_readme_test.go"} {
		for line := range strings.Lines(readText(t, file)) {
			known[strings.TrimSpace(line)] = true
		}
	}
	blocks := strings.Split(readText(t, "README.md"), "```go\n")[1:]
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		code, _, _ := strings.Cut(block, "```")
		for line := range strings.Lines(code) {
			require.True(t, known[strings.TrimSpace(line)], "no example has the line %s", line)
		}
	}
}

func TestReadmeShowsTheProblemsOfAConfiguration(t *testing.T) {
	t.Parallel()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(Published))
	layer, err := signalcast.ParseLayer("site.json", []byte(`{
  "org.example.course.published.v1": {
    "courses": {"event_key_field": "course_ky", "enabled": true}
  },
  "org.example.course.publisht.v1": {}
}`))
	require.NoError(t, err)
	merged, provenance := signalcast.MergeLayers(layer)
	err = provenance.Locate(merged.Validate(registry))
	require.Error(t, err)
	require.Contains(t, readText(t, "README.md"), err.Error())
}

func readText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}
