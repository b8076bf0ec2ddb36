package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/signalcast/signalcast/openedx/keys"
)

const indexPage = `<!doctype html>
<title>Enrolments</title>
<h1>Enrolments</h1>
<ul>
<li><a href="/courses/course-v1:edX+DemoX+2026">a course</a>
<li><a href="/admin/">events</a>
<li><a href="/metrics">metrics</a>
<li><a href="/readyz">readiness</a>
</ul>
`

// api serves the enrolments. It logs no event data: neither names of users nor bodies of requests.
type api struct {
	enrollments *enrollments
	totals      *readModel
	log         *slog.Logger
}

func (a *api) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(indexPage)) })
	mux.HandleFunc("POST /enrollments", a.create)
	mux.HandleFunc("DELETE /courses/{course}/users/{user}", a.cancel)
	mux.HandleFunc("GET /courses/{course}", a.course)
	return mux
}

func (a *api) create(w http.ResponseWriter, r *http.Request) {
	var e enrollment
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	body.DisallowUnknownFields()
	if err := body.Decode(&e); err != nil {
		http.Error(w, "malformed body; want course, user_id and username", http.StatusBadRequest)
		return
	}
	if err := e.Course.Validate(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.respond(w, r, a.enrollments.create(r.Context(), e), http.StatusCreated)
}

func (a *api) cancel(w http.ResponseWriter, r *http.Request) {
	user, err := strconv.ParseInt(r.PathValue("user"), 10, 64)
	if err != nil {
		http.Error(w, "malformed user; want a number", http.StatusBadRequest)
		return
	}
	a.respond(w, r, a.enrollments.cancel(r.Context(), keys.CourseKey(r.PathValue("course")), user), http.StatusNoContent)
}

func (a *api) course(w http.ResponseWriter, r *http.Request) {
	n, err := a.totals.enrolled(r.Context(), keys.CourseKey(r.PathValue("course")))
	if err != nil {
		a.respond(w, r, err, 0)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]int64{"enrolled": n})
}

// respond writes the status for the result of a request. success is the status if err is nil.
func (a *api) respond(w http.ResponseWriter, r *http.Request, err error, success int) {
	switch {
	case err == nil:
		w.WriteHeader(success)
	case errors.Is(err, errEnrolled):
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.Is(err, errNotEnrolled):
		http.Error(w, err.Error(), http.StatusNotFound)
	default:
		a.log.ErrorContext(r.Context(), "request failed", slog.String("route", r.Pattern), slog.Any("error", err))
		http.Error(w, "internal error", http.StatusInternalServerError)
	}
}
