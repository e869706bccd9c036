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
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"golang.org/x/sync/semaphore"
	"knative.dev/pkg/logging"
)

// maxIngestBytes is how much of events that are being received may be in memory.
const maxIngestBytes = 128 << 20

// duplicateHeader is a header of the answer to a letter that was stored before.
const duplicateHeader = "Lambda-Duplicate"

// ingest takes letters.
type ingest struct {
	*Server
	memory *semaphore.Weighted
}

func newIngest(s *Server) *ingest {
	return &ingest{Server: s, memory: semaphore.NewWeighted(maxIngestBytes)}
}

// receive stores the event of a request: POST /v1/namespaces/<namespace>?function=...
//
// It answers 202 when the letter is safe. Everything that another try may mend is 5xx or 429, so that brokers try again.
func (s *ingest) receive(w http.ResponseWriter, r *http.Request) error {
	err := s.take(w, r)
	if err != nil {
		s.store.metrics.rejected(r.Context(), problemOf(err).Code)
	}
	return err
}

func (s *ingest) take(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	settings := s.settings()
	namespace := r.PathValue("namespace")
	if !isName(namespace) {
		return invalid("the path has no name of a namespace")
	}
	if settings.Audience != "" {
		if err := s.requireSender(r, settings.Audience, namespace); err != nil {
			return err
		}
	}
	d, err := parseDelivery(namespace, r.URL.Query(), settings)
	if err != nil {
		logging.FromContext(ctx).Warnw("A letter is kept with defaults", "namespace", namespace, "function", d.function, "error", err)
	}
	e, release, err := s.read(w, r, settings.MaxEventBytes)
	defer release()
	if err != nil {
		return err
	}
	duplicate, err := s.keep(ctx, e, d)
	if err != nil {
		return err
	}
	s.store.metrics.received(ctx, namespace, duplicate)
	if duplicate {
		w.Header().Set(duplicateHeader, "true")
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// read reads the event of a request. release gives back the memory that was set aside for it.
func (s *ingest) read(w http.ResponseWriter, r *http.Request, most int64) (e *event.Event, release func(), err error) {
	release = func() {}
	refuse := func(status int, code, detail string) error {
		return &Problem{Status: status, Code: code, Detail: detail}
	}
	if r.ContentLength > most {
		return nil, release, refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "an event may have "+strconv.FormatInt(most, 10)+" bytes")
	}
	reserved := r.ContentLength
	if reserved < 0 {
		reserved = most
	}
	if !s.memory.TryAcquire(reserved) {
		return nil, release, ErrBusy
	}
	release = func() { s.memory.Release(reserved) }
	r.Body = http.MaxBytesReader(w, r.Body, most)
	message := cehttp.NewMessageFromHttpRequest(r)
	switch message.ReadEncoding() {
	case binding.EncodingBinary, binding.EncodingStructured:
	default:
		return nil, release, refuse(http.StatusUnsupportedMediaType, codeUnsupportedType, "send one CloudEvent, in binary or structured mode")
	}
	e, err = binding.ToEvent(r.Context(), message)
	if err == nil {
		err = e.Validate()
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, release, refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "an event may have "+strconv.FormatInt(most, 10)+" bytes")
	case errors.Is(err, io.ErrUnexpectedEOF), err != nil && r.Context().Err() != nil:
		// The sender broke off.
		return nil, release, unavailable(err)
	case err != nil:
		return nil, release, refuse(http.StatusBadRequest, codeInvalidEvent, "this is not a CloudEvent: "+err.Error())
	}
	return e, release, nil
}

func (s *ingest) keep(ctx context.Context, e *event.Event, d *delivery) (bool, error) {
	l := newLetter(e, d, time.Now())
	// A mailbox that was there a moment ago may be gone, where somebody deleted the stream.
	m, err := s.store.open(ctx, d.namespace, true)
	if err != nil {
		return false, err
	}
	return m.put(ctx, l, e.Data(), d.retention)
}
