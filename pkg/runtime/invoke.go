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
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/otlp"
	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

const (
	successType       = "io.knative.lambda.response.success"
	correlationHeader = "X-Correlation-ID"
	maxCorrelation    = 256
)

// newID returns an id of 26 characters. It has to be unique, and nobody may do anything for knowing it.
func newID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var b [26]byte
	var bits uint64
	for i := range b {
		if i%12 == 0 {
			bits = rand.Uint64() //nolint:gosec // it is no secret
		}
		b[i] = letters[bits&31]
		bits >>= 5
	}
	return string(b[:])
}

// invocation is one request to the function.
type invocation struct {
	request  *http.Request
	info     callInfo
	span     *span
	start    time.Time
	deadline time.Time
	cold     bool
	batch    bool
	worker   *worker // of the last call
}

func (r *Runtime) newInvocation(req *http.Request) *invocation {
	inv := &invocation{request: req, start: time.Now()}
	inv.deadline = inv.start.Add(r.options.Timeout)
	inv.cold = !r.warm.Swap(true)
	inv.info.invocation = newID()
	inv.info.correlation = correlationOf(req.Header)
	inv.span = r.tracer.receive(extract(r.propagations, req.Header), inv.start)
	inv.info.traceID, inv.info.spanID = inv.span.traceID, inv.span.spanID
	return inv
}

// correlationOf returns the caller's id where it can go into headers, or a new
// one.
func correlationOf(h http.Header) string {
	for _, name := range []string{correlationHeader, "Ce-Correlationid"} {
		if id := h.Get(name); id != "" && len(id) <= maxCorrelation {
			return id
		}
	}
	return newID()
}

// memory is the worker's resident memory in MiB.
func (inv *invocation) memory() float64 {
	if inv.worker == nil {
		return 0
	}
	return inv.worker.rss()
}

// invoke answers a request to the function.
func (r *Runtime) invoke(w http.ResponseWriter, req *http.Request) {
	inv := r.newInvocation(req)
	r.metrics.concurrent.Add(1)
	defer r.metrics.concurrent.Add(-1)
	w.Header().Set(correlationHeader, inv.info.correlation)
	ctx, cancel := context.WithDeadlineCause(req.Context(), inv.deadline, errDeadline)
	defer cancel()

	out := &statusWriter{ResponseWriter: w, draining: &r.draining}
	err := r.answer(ctx, out, inv)
	var failed *httpError
	if err != nil {
		failed = asHTTPError(err)
		if out.status == 0 {
			r.writeError(out, inv, failed)
		}
	}
	r.metrics.observe(inv, out.status, failed)
	r.endReceive(inv, out.status, failed)
	if inv.cold {
		r.begun(inv)
	}
	if r.options.LogRequests {
		r.log.info(fmt.Sprintf("%s %s %d in %v", req.Method, req.URL.Path, out.status, time.Since(inv.start).Round(10*time.Microsecond)), &inv.info)
	}
	if failed != nil && out.status != failed.status {
		// Part of the reply is out: cutting the connection is the only way to
		// say that the rest does not come.
		panic(http.ErrAbortHandler)
	}
}

// endReceive ends the span of a request.
func (r *Runtime) endReceive(inv *invocation, status int, failed *httpError) {
	if inv.span.recorded == nil {
		return
	}
	attributes := []otlp.Attribute{
		{Key: "lambda.function", Value: r.options.Name},
		{Key: "lambda.namespace", Value: r.options.Namespace},
		{Key: "lambda.runtime", Value: r.options.Language},
		{Key: "faas.invocation_id", Value: inv.info.invocation},
		{Key: "faas.coldstart", Value: inv.cold},
		{Key: "correlation.id", Value: inv.info.correlation},
		{Key: "http.request.method", Value: inv.request.Method},
		{Key: "url.path", Value: inv.request.URL.Path},
		{Key: "http.response.status_code", Value: status},
	}
	if e := inv.info.event; e != nil {
		attributes = append(attributes,
			otlp.Attribute{Key: "cloudevents.event_id", Value: e.ID},
			otlp.Attribute{Key: "cloudevents.event_source", Value: e.Source},
			otlp.Attribute{Key: "cloudevents.event_type", Value: e.Type})
	}
	var reason error
	switch {
	case failed != nil:
		attributes = append(attributes, otlp.Attribute{Key: "error.type", Value: failed.code})
		reason = failed
	case status >= http.StatusInternalServerError:
		reason = fmt.Errorf("the handler answered with status %d", status)
	}
	r.tracer.end(inv.span, reason, attributes...)
}

// prompt is how soon the request comes that an instance was started for, after the instance is ready: what holds it
// looks for ready instances every fraction of a second.
const prompt = 5 * time.Second

// begun measures how an instance's first request came to it, if the instance was started for it, and makes the start part
// of the request's trace.
func (r *Runtime) begun(first *invocation) {
	begun := r.startup.Load()
	if begun == nil || first.start.Sub(begun[phaseInit].end) > prompt {
		return
	}
	s := *begun
	s[phaseRoute].begin, s[phaseRoute].end = s[phaseInit].end, first.start
	if first.start.Before(s[phaseInit].end) { // it waited here
		s[phaseRoute].end = s[phaseInit].end
	}
	r.metrics.coldStart[phaseRoute].observe(s.took(phaseRoute), nil)
	if first.span.recorded == nil {
		return
	}
	for phase, lasted := range s {
		part := r.tracer.beside(first.span, phases[phase], lasted.begin)
		took := s.took(phase)
		r.metrics.coldStart[phase].exemplify(bucketOf(took), took, r.metrics.exemplary(part))
		r.tracer.endAt(part, lasted.end,
			otlp.Attribute{Key: "lambda.function", Value: r.options.Name}, otlp.Attribute{Key: "lambda.namespace", Value: r.options.Namespace})
	}
}

// statusWriter remembers the status that was sent. While the runtime drains it has the client make its next request
// elsewhere, also where this one came before.
type statusWriter struct {
	http.ResponseWriter
	status   int
	draining *atomic.Bool
}

func (w *statusWriter) WriteHeader(status int) {
	final := status >= http.StatusOK || status == http.StatusSwitchingProtocols
	if w.status == 0 && final {
		w.status = status
	}
	if w.draining.Load() && status >= http.StatusOK {
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap makes http.ResponseController work.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (r *Runtime) answer(ctx context.Context, w *statusWriter, inv *invocation) error {
	if handed, err := r.handOn(ctx, w, inv); handed || err != nil {
		return err
	}
	body, err := r.readBody(w, inv)
	if err != nil {
		return err
	}
	inputs, batch, err := parse(inv.request.Header, body)
	if err != nil {
		return err
	}
	if inputs = slices.DeleteFunc(inputs, r.isOwnReply); len(inputs) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if batch {
		return r.answerBatch(ctx, w, inv, inputs)
	}
	a, c, err := r.call(ctx, inv, &inputs[0])
	if err != nil {
		return err
	}
	defer r.abandon(c)
	if r.options.Envelope {
		if err := a.collect(ctx, r.options.MaxBodyBytes); err != nil {
			return err
		}
		if err := r.wrap(inv, a); err != nil {
			return err
		}
	}
	reply := r.tracer.child(inv.span, "reply")
	err = a.write(ctx, w, inv.deadline)
	r.tracer.end(reply, err)
	return err
}

// isOwnReply reports whether an event is a reply of this very function. Where a broker sends it back, because it knows no
// filter against it, the handler would be called for ever.
func (r *Runtime) isOwnReply(in input) bool {
	return in.event != nil && in.event.Extensions[repliedBy] == r.name
}

// readBody reads the whole body before the function is bothered, so that slow
// clients hold no slot.
func (r *Runtime) readBody(w http.ResponseWriter, inv *invocation) ([]byte, error) {
	req := inv.request
	if req.ContentLength == 0 {
		return nil, nil
	}
	limit := r.options.MaxBodyBytes
	if req.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(inv.deadline); err != nil {
		return nil, fmt.Errorf("failed to bound the reading of the body: %w", err)
	}
	body, err := readAll(http.MaxBytesReader(w, req.Body, limit), req.ContentLength)
	if err != nil {
		return nil, bodyError(err, inv)
	}
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("failed to unbound the reading of the connection: %w", err)
	}
	return body, nil
}

// readAll reads a body of a known or, when negative, unknown length.
func readAll(body io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(body)
	}
	b := make([]byte, length)
	_, err := io.ReadFull(body, b)
	return b, err
}

func bodyError(err error, inv *invocation) error {
	var tooMuch *http.MaxBytesError
	switch {
	case errors.As(err, &tooMuch):
		return err
	case !time.Now().Before(inv.deadline):
		return &httpError{http.StatusRequestTimeout, codeTimeout, "the body did not come in time"}
	case inv.request.Context().Err() != nil:
		return errGone
	default:
		return &httpError{http.StatusBadRequest, codeBadBody, fmt.Sprintf("the body cannot be read: %v", err)}
	}
}

// call runs the handler. The caller must abandon the call that it returns.
func (r *Runtime) call(ctx context.Context, inv *invocation, in *input) (_ *answer, _ *call, err error) {
	handler := r.tracer.child(inv.span, "handler")
	defer func() { r.tracer.end(handler, err) }()
	inv.info.spanID, inv.info.event = handler.spanID, in.event
	c, err := r.begin(ctx, inv)
	if err != nil {
		return nil, nil, err
	}
	a, err := r.exchange(ctx, inv, in, c)
	if err != nil {
		r.abandon(c)
		return nil, nil, err
	}
	return a, c, nil
}

// begin waits for a worker and a slot in it.
func (r *Runtime) begin(ctx context.Context, inv *invocation) (*call, error) {
	waiting := r.waiting.Add(1)
	defer r.waiting.Add(-1)
	if n := r.options.Concurrency; n > 0 && waiting > int64(n+r.options.Queue) {
		return nil, errOverload
	}
	c, err := r.pool.begin(ctx, inv.info)
	if err != nil {
		return nil, err
	}
	inv.worker = c.worker
	return c, nil
}

func (r *Runtime) exchange(ctx context.Context, inv *invocation, in *input, c *call) (*answer, error) {
	buffer := metaBuffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in there
	*buffer = appendRequestMeta((*buffer)[:0], inv, in)
	err := c.sendRequest(ctx, in.kind, *buffer, in.data)
	metaBuffers.Put(buffer)
	if err != nil {
		return nil, err
	}
	rep, err := c.response(ctx)
	if err != nil {
		return nil, r.logged(c, err)
	}
	a, err := r.newAnswer(inv, in, rep)
	if err != nil {
		return nil, err
	}
	body, last, err := c.takeBody()
	if err != nil {
		return nil, err
	}
	a.body = body
	if !last {
		a.rest = c
	}
	return a, nil
}

// logged logs an error of the handler, whose stack is not for its caller.
func (r *Runtime) logged(c *call, err error) error {
	var failed *failure
	if errors.As(err, &failed) {
		r.log.stack(failed.Message, failed.Stack, &c.info)
	}
	return err
}

// abandon makes sure that a call comes to its end in the worker, and replaces
// the worker when it does not.
func (r *Runtime) abandon(c *call) {
	if !c.cancel() {
		return
	}
	time.AfterFunc(r.options.CancelGrace, func() {
		if !c.isEnded() {
			r.log.warn(fmt.Sprintf("invocation %s does not end; replacing the worker", c.info.invocation))
			c.worker.retire()
		}
	})
}

// batchFailure is what the reply says of an event of a batch that failed.
type batchFailure struct {
	ID     string      `json:"id"`
	Source string      `json:"source"`
	Status int         `json:"status"`
	Error  errorDetail `json:"error"`
}

// answerBatch handles the events one after the other, all of them, and replies
// with a batch. If some failed, the reply is the worst failure, and names all.
func (r *Runtime) answerBatch(ctx context.Context, w http.ResponseWriter, inv *invocation, inputs []input) error {
	inv.batch = true
	replies := make([]event.Event, 0, len(inputs))
	var failures []batchFailure
	var worst *httpError
	for i := range inputs {
		e, err := r.callEvent(ctx, inv, &inputs[i])
		if err != nil {
			failed := asHTTPError(err)
			if worst == nil || failed.status > worst.status {
				worst = failed
			}
			in := inputs[i].event
			failures = append(failures, batchFailure{in.ID, in.Source, failed.status, errorDetail{failed.code, failed.message, failed.retryable()}})
		} else if e != nil {
			replies = append(replies, *e)
		}
	}
	h := w.Header()
	if worst != nil {
		body, err := json.Marshal(struct {
			errorBody
			Events []batchFailure `json:"events"`
		}{errorBody{errorDetail{worst.code, worst.message, worst.retryable()}}, failures})
		if err != nil {
			return fmt.Errorf("failed to encode the failures: %w", err)
		}
		worst.setHeader(h)
		h.Set("Content-Type", jsonMediaType)
		w.WriteHeader(worst.status)
		_, _ = w.Write(body) // it fails when the client has gone
		return worst
	}
	if len(replies) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	body, err := json.Marshal(replies)
	if err != nil {
		return fmt.Errorf("failed to encode the replies: %w", err)
	}
	h.Set("Content-Type", batchMediaType)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // it fails when the client has gone
	return nil
}

// callEvent handles one event of a batch and returns the event that answers it,
// or nil.
func (r *Runtime) callEvent(ctx context.Context, inv *invocation, in *input) (*event.Event, error) {
	a, c, err := r.call(ctx, inv, in)
	if err != nil {
		return nil, err
	}
	defer r.abandon(c)
	if err := a.collect(ctx, r.options.MaxBodyBytes); err != nil {
		return nil, err
	}
	if a.status >= http.StatusMultipleChoices {
		return nil, &httpError{a.status, codeHandlerError, fmt.Sprintf("the handler answered with status %d", a.status)}
	}
	if r.options.Envelope {
		if err := r.wrap(inv, a); err != nil {
			return nil, err
		}
	}
	if a.event == nil || len(a.body) == 0 && a.kind == protocol.None {
		return a.event, nil
	}
	a.event.SetDataContentType(a.contentType)
	a.event.DataEncoded = a.body
	a.event.DataBase64 = a.kind == protocol.Bytes
	return a.event, nil
}

// writeError answers with an error.
func (r *Runtime) writeError(w http.ResponseWriter, inv *invocation, e *httpError) {
	a := &answer{status: e.status, contentType: jsonMediaType, kind: protocol.JSON, body: e.body()}
	e.setHeader(w.Header())
	if e.status == http.StatusRequestEntityTooLarge || e.status == http.StatusRequestTimeout {
		w.Header().Set("Connection", "close") // the rest of the body is not read
	}
	if r.options.Envelope {
		if err := r.wrap(inv, a); err != nil {
			r.log.error(err.Error())
		}
	}
	_ = a.write(inv.request.Context(), w, inv.deadline) // it has no event and no rest, so it cannot fail
}
