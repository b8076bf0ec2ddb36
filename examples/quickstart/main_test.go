package main

import (
	"os"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
)

func noEnvironment(string) string { return "" }

func expected(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("testdata/output.txt")
	require.NoError(t, err)
	return string(text)
}

func TestOutputIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), nil, noEnvironment, &out))
	require.Equal(t, expected(t), out.String())
}

func TestRedisGetsTheSameEvents(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"--redis", "redis://" + server.Addr() + "/0"}, noEnvironment, &out))
	require.Equal(t, expected(t), out.String())
	require.Equal(t, []string{
		"dev-course-authoring-xblock-lifecycle", "dev-course-catalog-info-changed", "dev-course-enrollments",
		"dev-learning-certificate-lifecycle", "dev-search-indexing",
	}, server.Keys())
}

func TestEnvironmentOverridesFile(t *testing.T) {
	t.Parallel()
	getenv := func(name string) string {
		require.Equal(t, "PRODUCER_CONFIG", name)
		return `{"org.openedx.content_authoring.xblock.published.v1": {"course-authoring-xblock-lifecycle": {"enabled": false}}}`
	}
	var out strings.Builder
	require.NoError(t, run(t.Context(), nil, getenv, &out))
	require.Contains(t, out.String(), "org.openedx.content_authoring.xblock.published.v1\n  to       no topic: none is enabled\n")
}

func TestProblemInEnvironmentIsLocated(t *testing.T) {
	t.Parallel()
	getenv := func(string) string {
		return `{"org.openedx.learning.course.enrollment.created.v1": {"course-enrollments": {"event_key_field": "enrollment.course.key"}}}`
	}
	err := run(t.Context(), nil, getenv, &strings.Builder{})
	require.ErrorContains(t, err, "PRODUCER_CONFIG:1:")
	require.ErrorContains(t, err, `did you mean "enrollment.course.course_key"?`)
}

func TestReadmeShowsTheOutput(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	table, _, _ := strings.Cut(expected(t), "\n\n")
	require.Contains(t, string(readme), "$ go run ./examples/quickstart\n"+table+"\n")
}
