package adminhttp

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/signalcast/signalcast"
)

// apiPrefix is before the names of the JSON API.
const apiPrefix = "api/v1/"

// apiError is the answer to a request that failed.
type apiError struct {
	Error   string `json:"error"`
	Setting string `json:"setting,omitempty"`
	Found   string `json:"found,omitempty"`
	Want    string `json:"want,omitempty"`
	Nearest string `json:"nearest,omitempty"`
	// Fields are the faults of the data of a dry run.
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
	answer := apiError{Error: err.Error()}
	if e, ok := errors.AsType[*signalcast.SwitchError](err); ok {
		answer.Setting, answer.Found, answer.Want, answer.Nearest = e.Setting, e.Found, e.Want, e.Nearest
	}
	if e, ok := errors.AsType[*inputError](err); ok {
		answer.Setting, answer.Found, answer.Want = e.setting, e.found, e.want
	}
	if e, ok := errors.AsType[*signalcast.EncodeError](err); ok {
		for _, f := range e.Fields {
			answer.Fields = append(answer.Fields, fieldError{f.Path, f.Line, f.Column, f.Found, f.Want, f.Nearest, f.Error()})
		}
	}
	return answer
}

// inputError reports a field of a form, or of a JSON body, that is not valid.
type inputError struct {
	setting, found, want string
}

func (e *inputError) Error() string {
	return e.setting + ": " + e.found + "; want " + e.want
}

func (q *request) writeJSON(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	q.write(status, "application/json", append(body, '\n'))
}

// readJSON reads the body into v. It answers with an error and returns false if that fails.
func (q *request) readJSON(v any) bool {
	decoder := json.NewDecoder(q.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil && decoder.More() {
		err = errors.New("found text after the object")
	}
	switch _, large := errors.AsType[*http.MaxBytesError](err); {
	case err == nil:
		return true
	case large:
		q.fail(tooLarge())
	default:
		q.fail(&httpError{http.StatusBadRequest, "the body: " + err.Error() + "; want a JSON object"})
	}
	return false
}

// readForm reads the body of a form. It answers with an error and returns false if that fails.
func (q *request) readForm() bool {
	err := q.ParseForm()
	switch _, large := errors.AsType[*http.MaxBytesError](err); {
	case err == nil:
		return true
	case large:
		q.fail(tooLarge())
	default:
		q.fail(&httpError{http.StatusBadRequest, "the form is malformed; want fields with URL encoding"})
	}
	return false
}

// failed answers with the details of an error.
func (q *request) failed(err error) {
	status := http.StatusUnprocessableEntity
	switch {
	case errors.Is(err, signalcast.ErrClosed):
		status = http.StatusConflict
	case errors.Is(err, signalcast.ErrNotRegistered):
		status = http.StatusNotFound
	}
	q.writeJSON(status, newAPIError(err))
}
