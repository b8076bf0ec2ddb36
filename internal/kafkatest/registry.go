package kafkatest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Registry is a fake schema registry with the part of Confluent's API that producers use.
type Registry struct {
	URL string

	mu       sync.Mutex
	ids      map[string]int // by subject and text
	next     int
	failing  int
	requests []*http.Request
	subjects []string
}

// NewRegistry starts a registry. It ends with the test.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	r := &Registry{ids: map[string]int{}, next: 1}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// Assign sets the ID of a schema that is registered later.
func (r *Registry) Assign(subject, text string, id int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[subject+"\n"+text] = id
}

// Fail makes the registry reply to every request with an HTTP status, until Fail(0).
func (r *Registry) Fail(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failing = status
}

// Delete makes the registry forget all schemas. Schemas that are registered later have new IDs.
func (r *Registry) Delete() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.ids)
}

// Requests returns the requests that the registry got.
func (r *Registry) Requests() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Subjects returns the subjects that were registered, once for each request, sorted.
func (r *Registry) Subjects() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(slices.Values(r.subjects))
}

// ServeHTTP implements [http.Handler].
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, request)
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	if r.failing != 0 {
		w.WriteHeader(r.failing)
		_ = json.NewEncoder(w).Encode(map[string]any{"error_code": r.failing, "message": "the test says so"})
		return
	}
	var body struct {
		Schema string `json:"schema"`
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /subjects/{subject}/versions", func(w http.ResponseWriter, request *http.Request) {
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil || !json.Valid([]byte(body.Schema)) {
			http.Error(w, "not a schema", http.StatusUnprocessableEntity)
			return
		}
		subject := request.PathValue("subject")
		r.subjects = append(r.subjects, subject)
		id, known := r.ids[subject+"\n"+body.Schema]
		if !known {
			id = r.next
			r.next++
			r.ids[subject+"\n"+body.Schema] = id
		}
		_ = json.NewEncoder(w).Encode(map[string]int{"id": id})
	})
	mux.HandleFunc("GET /schemas/ids/{id}", func(w http.ResponseWriter, request *http.Request) {
		for key, id := range r.ids {
			if strconv.Itoa(id) == request.PathValue("id") {
				_, text, _ := strings.Cut(key, "\n")
				_ = json.NewEncoder(w).Encode(map[string]string{"schema": text})
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(map[string]any{"error_code": 40403, "message": "schema not found"})
	})
	mux.ServeHTTP(w, request)
}
