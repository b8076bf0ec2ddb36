package signalcast_test

import (
	"context"
	"log"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/signalcasttest"
)

// The code of README.md. Its signal is the one of the package's Example.
func Example_readme() {
	ctx := context.Background()

	// Once, at start: the signals that the service knows, the configuration, the backend.
	registry := signalcast.NewRegistry(signalcast.WithSource("openedx/catalog/web"))
	err := registry.Register(Published)
	if err != nil {
		log.Fatal(err)
	}

	base, err := signalcast.ParseProducerConfig([]byte(`{
		"org.example.course.published.v1": {
			"courses": {"event_key_field": "course_key", "enabled": false}
		}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	production, err := signalcast.ParseProducerConfig([]byte(`{
		"org.example.course.published.v1": {"courses": {"enabled": true}}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	config := signalcast.MergeProducerConfigs(base, production)

	backend, err := redis.New(redis.Config{URL: "redis://127.0.0.1:6379/0"})
	if err != nil {
		log.Fatal(err)
	}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend,
		signalcast.WithTopicPrefix("prod"))
	if err != nil {
		log.Fatal(err)
	}

	// Anywhere: the event goes to the stream prod-courses.
	err = Published.Send(ctx, registry, CoursePublished{CourseKey: "course-v1:edX+DemoX", Title: "Demo"})
	if err != nil {
		log.Print(err)
	}

	// At the end: waits until every message is acknowledged, or ctx ends.
	err = dispatcher.Close(ctx)
	if err != nil {
		log.Fatal(err)
	}
}

func TestPublishesCourses(t *testing.T) {
	t.Parallel()
	config, err := signalcast.ParseProducerConfig([]byte(`{
		"org.example.course.published.v1": {"courses": {"event_key_field": "course_key", "enabled": true}}
	}`))
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
