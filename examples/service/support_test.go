package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

const (
	demo = "course-v1:edX+DemoX+2026"
	// patience is the longest wait for a condition, and tick the time between two looks.
	patience = 20 * time.Second
	tick     = 10 * time.Millisecond
)

// testLog is a log that tests read while the service writes.
type testLog struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *testLog) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *testLog) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// runningService is a service with SQLite and a bus in memory.
type runningService struct {
	*service

	log *testLog
	// end stops the service. Only the first call has an effect.
	end func() error
}

// startService starts a service with a free port and a folder of its own. It stops the service at the end of the test.
func startService(t *testing.T, change ...func(*settings)) *runningService {
	t.Helper()
	c := settings{listen: "127.0.0.1:0", config: "service.yaml", dir: t.TempDir()}
	for _, f := range change {
		f(&c)
	}
	log := &testLog{}
	s := newService(c, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	end := sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		return s.stop(ctx)
	})
	t.Cleanup(func() { require.NoError(t, end()) })
	require.NoError(t, s.start(t.Context()))
	return &runningService{s, log, end}
}

// memory returns the bus.
func (s *runningService) memory() *memory.Backend {
	return s.bus.backend.(interface{ Unwrap() signalcast.Backend }).Unwrap().(*memory.Backend) //nolint:forcetypeassert // of a test
}

// do sends a request with the password of the operators, and returns the status and the body.
func (s *runningService) do(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	if s.settings.adminPassword != "" {
		r.SetBasicAuth("night shift", s.settings.adminPassword)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// enroll enrols a user in the demo course.
func (s *runningService) enroll(t *testing.T, username string) {
	t.Helper()
	status, body := s.do(t, http.MethodPost, "/enrollments", `{"course": "`+demo+`", "user_id": 7, "username": "`+username+`"}`)
	require.Equal(t, http.StatusCreated, status, body)
}

// requireTotal waits until the read model counts n enrolments in the demo course.
func (s *runningService) requireTotal(t *testing.T, n string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, body := s.do(t, http.MethodGet, "/courses/"+demo, "")
		assert.JSONEq(c, `{"enrolled": `+n+`}`, body)
	}, patience, tick)
}
