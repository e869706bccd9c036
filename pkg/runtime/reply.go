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
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

const (
	jsonMediaType = "application/json"
	textMediaType = "text/plain; charset=utf-8"
	byteMediaType = "application/octet-stream"
)

const (
	// unboundedWrite is what a connection's buffers take without a reader.
	unboundedWrite = 16 << 10
	// writeGrace is for the error at the deadline itself.
	writeGrace = 5 * time.Second
)

// answer is what a handler's reply makes for its caller.
type answer struct {
	status      int
	header      http.Header
	contentType string
	event       *event.Event      // nil where the answer is none, or one of which only replies tells
	replies     func(http.Header) // writes the event, nil where event does
	kind        protocol.Kind
	body        []byte
	rest        *call // where more of the body comes from
}

// connectionHeaders are the server's own to set.
var connectionHeaders = []string{"Connection", "Content-Length", "Keep-Alive", "Trailer", "Transfer-Encoding", "Upgrade"}

// newAnswer maps a reply: status, headers and, to an event, an event.
func (r *Runtime) newAnswer(inv *invocation, in *input, rep *reply) (*answer, error) {
	a := &answer{status: rep.meta.Status, kind: rep.kind, contentType: rep.meta.ContentType}
	if a.contentType == "" {
		a.contentType = mediaTypeOf(rep.kind)
	}
	if len(rep.meta.Headers) > 0 {
		a.header = make(http.Header, len(rep.meta.Headers))
		for name, values := range rep.meta.Headers {
			for _, v := range values {
				a.header.Add(name, v)
			}
		}
		for _, name := range connectionHeaders {
			a.header.Del(name)
		}
		if ct := a.header.Get("Content-Type"); ct != "" {
			a.contentType = ct
		}
		// An application's own event, in binary mode.
		if a.header.Get("Ce-Specversion") != "" {
			a.header.Set("Ce-"+repliedBy, escape(r.name))
		}
	}
	if a.status == 0 {
		a.status = http.StatusOK
		if rep.kind == protocol.None && rep.meta.ContentType == "" && rep.meta.Event == nil {
			a.status = http.StatusNoContent
		}
	}
	replies := in.event != nil && a.status < http.StatusMultipleChoices && a.status != http.StatusNoContent
	switch {
	case replies && rep.meta.Event == nil && !inv.batch:
		cause := in.event.ID
		a.replies = func(h http.Header) { r.setReplyHeader(h, inv, cause) }
	case replies || rep.meta.Event != nil:
		e, err := r.replyEvent(inv, in, rep.meta.Event)
		if err != nil {
			return nil, &httpError{http.StatusInternalServerError, codeInvalidReply, fmt.Sprintf("the handler's event is not valid: %v", err)}
		}
		if ct := e.DataContentType(); ct != "" {
			a.contentType = ct
		}
		a.event = e
	}
	return a, nil
}

func mediaTypeOf(kind protocol.Kind) string {
	switch kind {
	case protocol.JSON:
		return jsonMediaType
	case protocol.Text:
		return textMediaType
	case protocol.Bytes:
		return byteMediaType
	default:
		return ""
	}
}

// write sends the answer. A client that does not read it is cut off soon after
// the deadline.
func (a *answer) write(ctx context.Context, w http.ResponseWriter, deadline time.Time) error {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	if a.replies != nil {
		a.replies(h)
	}
	if a.event != nil {
		if err := setEventHeader(h, a.event); err != nil {
			return err
		}
	}
	if a.contentType != "" && a.status != http.StatusNoContent {
		h.Set("Content-Type", a.contentType)
	}
	if a.rest != nil || len(a.body) > unboundedWrite {
		control := http.NewResponseController(w)
		if err := control.SetWriteDeadline(deadline.Add(writeGrace)); err != nil {
			return fmt.Errorf("failed to bound the writing of the reply: %w", err)
		}
		// The connection may be used again.
		defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	}
	if a.rest == nil {
		if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
			h.Set("Content-Length", strconv.Itoa(len(a.body)))
		}
		w.WriteHeader(a.status)
		if len(a.body) > 0 {
			_, _ = w.Write(a.body) //nolint:gosec // what a handler answers is its own; it fails when the client has gone, or may get no body
		}
		return nil
	}
	w.WriteHeader(a.status)
	return a.stream(ctx, w)
}

// stream sends a body as it comes, piece by piece.
func (a *answer) stream(ctx context.Context, w http.ResponseWriter) error {
	flush := http.NewResponseController(w)
	body, last := a.body, false
	for {
		if len(body) > 0 {
			if _, err := w.Write(body); err != nil { //nolint:gosec // what a handler answers is its own
				return errGone
			}
			if err := flush.Flush(); err != nil {
				return errGone
			}
		}
		if last {
			return nil
		}
		var err error
		if body, last, err = a.rest.next(ctx); err != nil {
			return err
		}
	}
}

// collect reads the rest of a streamed body.
func (a *answer) collect(ctx context.Context, limit int64) error {
	if a.rest == nil {
		return nil
	}
	for {
		piece, last, err := a.rest.next(ctx)
		if err != nil {
			return err
		}
		if int64(len(a.body)+len(piece)) > limit {
			return &httpError{http.StatusInternalServerError, codeInvalidReply, fmt.Sprintf("a streamed reply of more than %d bytes cannot be wrapped", limit)}
		}
		a.body = append(a.body, piece...)
		if last {
			a.rest = nil
			return nil
		}
	}
}

// envelope is how a reply is wrapped where the function asks for it.
type envelope struct {
	FunctionName  string          `json:"functionName"`
	Namespace     string          `json:"namespace"`
	InvocationID  string          `json:"invocationId"`
	CorrelationID string          `json:"correlationId"`
	Result        envelopeResult  `json:"result"`
	Metrics       envelopeMetrics `json:"metrics"`
}

type envelopeResult struct {
	StatusCode int             `json:"statusCode"`
	Body       json.RawMessage `json:"body"`
}

type envelopeMetrics struct {
	DurationMs   float64 `json:"durationMs"`
	ColdStart    bool    `json:"coldStart"`
	MemoryUsedMb float64 `json:"memoryUsedMb"`
}

// wrap puts the body into an envelope.
func (r *Runtime) wrap(inv *invocation, a *answer) error {
	body := a.body
	switch {
	case a.kind == protocol.JSON:
	case len(body) == 0:
		body = []byte("null")
	case a.kind == protocol.Bytes:
		body, _ = json.Marshal(base64.StdEncoding.EncodeToString(body)) // a string
	default:
		body, _ = json.Marshal(string(body)) // a string
	}
	e := envelope{
		FunctionName:  r.options.Name,
		Namespace:     r.options.Namespace,
		InvocationID:  inv.info.invocation,
		CorrelationID: inv.info.correlation,
		Result:        envelopeResult{StatusCode: a.status, Body: body},
		Metrics: envelopeMetrics{
			DurationMs:   float64(time.Since(inv.start).Microseconds()) / 1000,
			ColdStart:    inv.cold,
			MemoryUsedMb: inv.memory(),
		},
	}
	wrapped, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("failed to wrap the reply: %w", err)
	}
	a.body, a.kind, a.contentType = wrapped, protocol.JSON, jsonMediaType
	if a.status == http.StatusNoContent {
		a.status = http.StatusOK
	}
	return nil
}
