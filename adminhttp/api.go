package adminhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/signalcast/signalcast"
)

// apiPrefix precedes the names of the resources of the JSON API.
const apiPrefix = "api/v1/"

// apiError is the response of the JSON API to a request that failed.
type apiError struct {
	Error   string `json:"error"`
	Setting string `json:"setting,omitempty"`
	Found   string `json:"found,omitempty"`
	Want    string `json:"want,omitempty"`
	Nearest string `json:"nearest,omitempty"`
	// Fields are the errors in the data of a dry run.
	Fields []fieldError `json:"fields,omitempty"`
}

// fieldError is a signalcast.FieldError.
type fieldError struct {
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Found   string `json:"found,omitempty"`
	Want    string `json:"want,omitempty"`
	Nearest string `json:"nearest,omitempty"`
	Text    string `json:"text"`
}

// newAPIError returns the details of an error.
func newAPIError(err error) apiError {
	details := apiError{Error: err.Error()}
	if e, ok := errors.AsType[*signalcast.SwitchError](err); ok {
		details.Setting, details.Found, details.Want, details.Nearest = e.Setting, e.Found, e.Want, e.Nearest
	}
	if e, ok := errors.AsType[*inputError](err); ok {
		details.Setting, details.Found, details.Want = e.setting, e.found, e.want
	}
	if e, ok := errors.AsType[*signalcast.EncodeError](err); ok {
		for _, f := range e.Fields {
			details.Fields = append(details.Fields, fieldError{f.Path, f.Line, f.Column, f.Found, f.Want, f.Nearest, f.Error()})
		}
	}
	return details
}

// inputError reports an invalid field of a form or of a JSON body.
type inputError struct {
	setting, found, want string
}

func (e *inputError) Error() string {
	return e.setting + ": " + e.found + "; want " + e.want
}

func (q *request) writeJSON(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the response cannot be encoded"}`)
	}
	q.write(status, "application/json", append(body, '\n'))
}

// readJSON reads a JSON body into v. If that fails, it responds with an error and returns false.
func (q *request) readJSON(v any) bool {
	decoder := json.NewDecoder(q.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil && decoder.More() {
		err = errors.New("found text after the object")
	}
	return q.wasRead(err, fmt.Sprintf("the body: %v; want a JSON object", err))
}

// readForm reads the body of a form into q.PostForm. If that fails, it responds with an error and returns false.
func (q *request) readForm() bool {
	return q.wasRead(q.ParseForm(), "the form is malformed; want fields with URL encoding")
}

// wasRead returns true if err, the error of reading a body, is nil. Otherwise it responds with an error, and malformed
// is its text if the body is not too large.
func (q *request) wasRead(err error, malformed string) bool {
	if err == nil {
		return true
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		q.fail(tooLarge())
	} else {
		q.fail(&httpError{http.StatusBadRequest, malformed})
	}
	return false
}

// writeError responds with the details of err as JSON.
func (q *request) writeError(err error) { q.writeJSON(statusOf(err), newAPIError(err)) }

// statusOf returns the status of the response to a request that failed with err.
func statusOf(err error) int {
	switch {
	case errors.Is(err, signalcast.ErrClosed):
		return http.StatusConflict
	case errors.Is(err, signalcast.ErrNotRegistered):
		return http.StatusNotFound
	default:
		return http.StatusUnprocessableEntity
	}
}
