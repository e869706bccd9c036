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

package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/knative-lambda/knative-lambda-operator/pkg/events"
)

// The codes of refusals. They are part of the API.
const (
	codeInvalidEvent = "InvalidEvent"
	codeInvalidData  = "InvalidData"
	codeInvalidSpec  = "InvalidSpec"
	codeUnknownType  = "UnknownType"
	codeUnsupported  = "UnsupportedMediaType"
	codeTooLarge     = "TooLarge"
	codeUnauthorized = "Unauthorized"
	codeForbidden    = "Forbidden"
	codeNotFound     = "NotFound"
	codeMethod       = "MethodNotAllowed"
	codeConflict     = "Conflict"
	codeTooMany      = "TooManyRequests"
	codeUnavailable  = "Unavailable"
	codeInternal     = "Internal"
)

const jsonType = "application/json"

// duplicateHeader is a header of the answer to an event whose command was done before.
const duplicateHeader = "Lambda-Duplicate"

// refusal is why a command is not done.
type refusal struct {
	status int
	code   string
	// path is what is wrong in the event, a JSON pointer into its JSON form. Empty: nothing in it.
	path    string
	message string
}

func (r *refusal) Error() string { return r.message }

func refuse(status int, code, path, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, path: path, message: fmt.Sprintf(format, args...)}
}

// unavailable is for what another try may mend. The cause is for the log: it may say more than a stranger should know.
type unavailable struct{ cause error }

func (u *unavailable) Error() string { return u.cause.Error() }
func (u *unavailable) Unwrap() error { return u.cause }

// refusalOf says of any error what the sender is told.
func refusalOf(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if _, ok := errors.AsType[*unavailable](err); ok {
		return refuse(http.StatusServiceUnavailable, codeUnavailable, "", "the API server does not take it at the moment; send it again")
	}
	return refuse(http.StatusInternalServerError, codeInternal, "", "something is wrong here; the log says what")
}

// Answer is what the sender of an event is told.
type Answer struct {
	// Status is accepted or error.
	Status string `json:"status"`
	// EventID is the id of the event. Absent where it could not be read.
	EventID string `json:"eventId,omitempty"`
	// CorrelationID is the event's extension correlationid, else its id.
	CorrelationID string `json:"correlationId,omitempty"`
	// Error is the code of what is wrong, for programs.
	Error string `json:"error,omitempty"`
	// Message says what is wrong, for people.
	Message string `json:"message,omitempty"`
	// Path is what is wrong in the event, as a JSON pointer (RFC 6901) into its JSON form, for example
	// /data/spec/runtime/language.
	Path string `json:"path,omitempty"`

	status    int
	duplicate bool
}

const (
	statusAccepted = "accepted"
	statusError    = "error"
)

func newAnswer(e *event.Event, err error) *Answer {
	a := &Answer{Status: statusAccepted, status: http.StatusAccepted}
	if e != nil {
		a.EventID, a.CorrelationID = e.ID(), correlationOf(e)
	}
	if err != nil {
		r := refusalOf(err)
		a.Status, a.status, a.Error, a.Message, a.Path = statusError, r.status, r.code, r.message, r.path
	}
	return a
}

const correlationExtension = "correlationid"

// correlationOf is what all has in common that comes of one cause.
func correlationOf(e *event.Event) string {
	if id, ok := e.Extensions()[correlationExtension].(string); ok && id != "" {
		return id
	}
	return e.ID()
}

// retryAfter is how many seconds those should wait who are told to come again.
const retryAfter = 1

// write sends the answer to one event. Who wants a reply wants it as an event, and takes anything else for a failure
// (Knative's Broker answers 502 then): they get no body with an acceptance.
func (a *Answer) write(w http.ResponseWriter, r *http.Request) {
	if a.duplicate {
		w.Header().Set(duplicateHeader, "true")
	}
	if a.Status == statusAccepted && r.Header.Get("Prefer") == "reply" {
		w.WriteHeader(a.status)
		return
	}
	writeJSON(w, a.status, a)
}

// BatchAnswer is what the sender of a batch is told.
type BatchAnswer struct {
	// Status is accepted where all are, else error.
	Status string `json:"status"`
	// Results are the answers to the events, in their order.
	Results []*Answer `json:"results"`
}

// writeBatch answers a batch with the status that has the sender do the right thing: send all of it again where that may
// help, which changes nothing for those that were accepted.
func writeBatch(w http.ResponseWriter, r *http.Request, answers []*Answer) {
	batch, status := &BatchAnswer{Status: statusAccepted, Results: answers}, http.StatusAccepted
	for _, a := range answers {
		if a.Status == statusAccepted {
			continue
		}
		batch.Status = statusError
		if status == http.StatusAccepted || events.SentAgain(a.status) && !events.SentAgain(status) {
			status = a.status
		}
	}
	if status == http.StatusAccepted && r.Header.Get("Prefer") == "reply" {
		w.WriteHeader(status)
		return
	}
	writeJSON(w, status, batch)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError) // Answers have nothing but text.
		return
	}
	switch {
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the sender may have gone
}
