/*
Copyright 2026 The Knative Lambda Authors

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package deadletter

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/knative-lambda/knative-lambda-operator/pkg/access"
)

// Codes of errors. They are part of the API.
const (
	codeInvalid         = "Invalid"
	codeInvalidEvent    = "InvalidEvent"
	codeUnauthorized    = "Unauthorized"
	codeForbidden       = "Forbidden"
	codeNotFound        = "NotFound"
	codeMethod          = "MethodNotAllowed"
	codeConflict        = "Conflict"
	codeTooLarge        = "TooLarge"
	codeUnsupportedType = "UnsupportedMediaType"
	codeBusy            = "Busy"
	codeUnavailable     = "Unavailable"
	codeFull            = "Full"
	codeInternal        = "Internal"
)

// retryAfter is what those are told who should come again, in seconds.
const retryAfter = 1

// problemType is the media type of an error, of RFC 9457.
const problemType = "application/problem+json"

// Problem is an error of the API, in the form of RFC 9457.
type Problem struct { //nolint:errname // As the RFC names it.
	// Status is the HTTP status.
	Status int `json:"status"`
	// Code names the error, for programs.
	Code string `json:"code"`
	// Detail says what is wrong, for people.
	Detail string `json:"detail"`
	// Errors are the fields that are wrong.
	Errors []FieldError `json:"errors,omitempty"`
}

// FieldError is a field that is wrong.
type FieldError struct {
	// Pointer is the field of the body, as a JSON pointer of RFC 6901.
	Pointer string `json:"pointer,omitempty"`
	// Parameter is the parameter of the URL.
	Parameter string `json:"parameter,omitempty"`
	// Detail says what is wrong with it.
	Detail string `json:"detail"`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

func invalid(detail string, errs ...FieldError) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: codeInvalid, Detail: detail, Errors: errs}
}

// problemOf says of an error what the caller is told.
func problemOf(err error) *Problem {
	problem, ok := errors.AsType[*Problem](err)
	switch {
	case ok:
		return problem
	case errors.Is(err, access.ErrUnauthenticated):
		return &Problem{Status: http.StatusUnauthorized, Code: codeUnauthorized, Detail: err.Error()}
	case errors.Is(err, access.ErrUnavailable):
		return &Problem{Status: http.StatusServiceUnavailable, Code: codeUnavailable, Detail: access.ErrUnavailable.Error()}
	case errors.Is(err, ErrNotFound):
		return &Problem{Status: http.StatusNotFound, Code: codeNotFound, Detail: ErrNotFound.Error()}
	case errors.Is(err, ErrFull):
		return &Problem{Status: http.StatusInsufficientStorage, Code: codeFull, Detail: err.Error()}
	case errors.Is(err, ErrTooLarge):
		return &Problem{Status: http.StatusRequestEntityTooLarge, Code: codeTooLarge, Detail: err.Error()}
	case errors.Is(err, ErrBusy):
		return &Problem{Status: http.StatusServiceUnavailable, Code: codeBusy, Detail: err.Error()}
	case errors.Is(err, ErrUnavailable):
		return &Problem{Status: http.StatusServiceUnavailable, Code: codeUnavailable, Detail: err.Error()}
	default:
		return &Problem{Status: http.StatusInternalServerError, Code: codeInternal, Detail: "something is wrong here; the log says what"}
	}
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if p.Status >= http.StatusInternalServerError {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	writeJSON(w, p.Status, problemType, p)
}

func writeJSON(w http.ResponseWriter, status int, mediaType string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		// A letter whose attributes JSON cannot have was never stored.
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the caller may have gone
}
