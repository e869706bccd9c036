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

package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// The codes of an error reply and the error_type labels are the same closed set.
const (
	codeInvalidEvent  = "InvalidEvent"
	codeInvalidData   = "InvalidData"
	codeInvalidReply  = "InvalidReply"
	codeUnsupported   = "UnsupportedEventFormat"
	codeTooLarge      = "BodyTooLarge"
	codeBadBody       = "BodyUnreadable"
	codeHandlerError  = "HandlerError"
	codeTimeout       = "Timeout"
	codeOverloaded    = "Overloaded"
	codeWorkerDied    = "WorkerDied"
	codeOutOfMemory   = "OutOfMemory"
	codeNotLoaded     = "HandlerNotLoaded"
	codeClientGone    = "ClientGone"
	codeInternalError = "InternalError"

	// statusClientGone is what nginx made common for a request that its client
	// has given up. Nobody receives it.
	statusClientGone = 499

	retryAfterSeconds = 1
)

// httpError is an error with the answer that it makes.
type httpError struct {
	status  int
	code    string
	message string
}

func (e *httpError) Error() string { return e.message }

var (
	errDeadline = &httpError{http.StatusGatewayTimeout, codeTimeout, "the function did not answer in time"}
	errOverload = &httpError{http.StatusServiceUnavailable, codeOverloaded, "the function runs as many requests as it may and as many wait"}
	errNotReady = &httpError{http.StatusServiceUnavailable, codeNotLoaded, "the function cannot be loaded"}
	errGone     = &httpError{statusClientGone, codeClientGone, "the client has gone"}
)

func badEvent(err error) error {
	return &httpError{http.StatusBadRequest, codeInvalidEvent, fmt.Sprintf("not a valid CloudEvent: %v", err)}
}

// asHTTPError says what to answer to an error of any layer.
func asHTTPError(err error) *httpError {
	var (
		ready   *httpError
		failed  *failure
		tooMuch *http.MaxBytesError
	)
	switch {
	case errors.As(err, &ready):
		return ready
	case errors.As(err, &failed):
		return failed.asHTTPError()
	case errors.As(err, &tooMuch):
		return &httpError{http.StatusRequestEntityTooLarge, codeTooLarge, fmt.Sprintf("the body is larger than %d bytes", tooMuch.Limit)}
	case errors.Is(err, errOutOfMemory):
		return &httpError{http.StatusBadGateway, codeOutOfMemory, errOutOfMemory.Error()}
	case errors.Is(err, errWorkerGone):
		return &httpError{http.StatusBadGateway, codeWorkerDied, errWorkerGone.Error()}
	case errors.Is(err, context.Canceled):
		return errGone
	case errors.Is(err, context.DeadlineExceeded):
		return errDeadline
	default:
		return &httpError{http.StatusInternalServerError, codeInternalError, err.Error()}
	}
}

func (f *failure) asHTTPError() *httpError {
	e := &httpError{f.Status, codeHandlerError, f.Message}
	switch f.Code {
	case codeInvalidData, codeInvalidReply:
		e.code = f.Code
	}
	if e.status < http.StatusBadRequest || e.status > 599 {
		e.status = http.StatusInternalServerError
	}
	return e
}

// retryable reports whether the same request may succeed later.
func (e *httpError) retryable() bool {
	switch e.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	default:
		return e.status >= http.StatusInternalServerError && e.code != codeInvalidReply
	}
}

// errorBody is the body of an error reply.
type errorBody struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

func (e *httpError) body() []byte {
	b, _ := json.Marshal(errorBody{errorDetail{e.code, e.message, e.retryable()}}) // strings and a bool
	return b
}

// setHeader sets what goes with the answer besides its body.
func (e *httpError) setHeader(h http.Header) {
	if e.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	}
}
