package main

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func TestTraceGoesFromTheRequestToTheReadModel(t *testing.T) {
	t.Parallel()
	received := make(chan []*trace.Span, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		received <- spans(t, r)
	}))
	defer server.Close()
	s := startService(t, func(c *settings) { c.otlp = server.URL })
	s.enroll(t, "ada")
	s.requireTotal(t, "1")
	require.NoError(t, s.end())

	close(received)
	byName := map[string]*trace.Span{}
	for list := range received {
		for _, span := range list {
			byName[span.GetName()] = span
		}
	}
	request, sent, handled := byName["POST /enrollments"], byName["send course-enrollments"], byName["process course-enrollments"]
	require.NotNil(t, request)
	require.Equal(t, request.GetSpanId(), sent.GetParentSpanId())
	require.Equal(t, sent.GetSpanId(), handled.GetParentSpanId())
	require.Equal(t, request.GetTraceId(), handled.GetTraceId())
}

// spans returns the spans of a request to a collector.
func spans(t *testing.T, r *http.Request) (all []*trace.Span) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		require.NoError(t, err)
		body = unzipped
	}
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	var request collector.ExportTraceServiceRequest
	require.NoError(t, proto.Unmarshal(text, &request))
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			all = append(all, scope.GetSpans()...)
		}
	}
	return all
}
