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
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
)

const (
	// maxBatch is how many events a batch may have.
	maxBatch = 1000
	// maxAttribute bounds the attributes that are kept.
	maxAttribute = 1024
)

// received is an event of a request, or why there is none in its place. Both are there where it is not valid.
type received struct {
	event *event.Event
	err   error
}

// read reads the events of a request, and whether they are a batch. It fails where no event can be told from another.
func read(w http.ResponseWriter, r *http.Request, most int64) (found []received, batch bool, err error) {
	if r.ContentLength > most {
		return nil, false, tooLarge(most)
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	message := cehttp.NewMessageFromHttpRequest(r)
	switch message.ReadEncoding() {
	case binding.EncodingBinary:
		e, err := binding.ToEvent(r.Context(), message)
		if err != nil {
			return nil, false, unreadable(r, err)
		}
		return []received{{e, validate(e)}}, false, nil
	case binding.EncodingStructured, binding.EncodingBatch:
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, false, unreadable(r, err)
		}
		if mediaType(r.Header.Get("Content-Type")) != event.ApplicationCloudEventsBatchJSON {
			return []received{parse(text)}, false, nil
		}
		found, err = parseBatch(text)
		return found, true, err
	default:
		return nil, false, noEvent(r)
	}
}

// parse reads an event in JSON.
func parse(text []byte) received {
	// The SDK reads some of what is no JSON.
	if !json.Valid(text) {
		return received{err: refuse(http.StatusBadRequest, codeInvalidEvent, "", "the event is not JSON")}
	}
	e := &event.Event{}
	if err := e.UnmarshalJSON(text); err != nil {
		return received{err: invalid("", err)}
	}
	return received{e, validate(e)}
}

// parseBatch reads each event of a batch for itself: one that is none does not spoil the others.
func parseBatch(text []byte) ([]received, error) {
	var events []json.RawMessage
	if err := json.Unmarshal(text, &events); err != nil {
		return nil, refuse(http.StatusBadRequest, codeInvalidEvent, "", "a batch is a JSON array of events: %v", err)
	}
	if len(events) > maxBatch {
		return nil, refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "", "a batch may have %d events", maxBatch)
	}
	found := make([]received, len(events))
	for i, text := range events {
		found[i] = parse(text)
	}
	return found, nil
}

// unreadable says why the event of a request cannot be read.
func unreadable(r *http.Request, err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.Is(err, io.ErrUnexpectedEOF), r.Context().Err() != nil:
		return refuse(http.StatusBadRequest, codeInvalidEvent, "", "the event ends too early")
	}
	return invalid("", err)
}

func tooLarge(most int64) error {
	return refuse(http.StatusRequestEntityTooLarge, codeTooLarge, "",
		"an event, or a batch of them, may have %d bytes (max-event-bytes in ConfigMap config-receiver); put large code into git or object storage", most)
}

func invalid(path string, err error) *refusal {
	return refuse(http.StatusBadRequest, codeInvalidEvent, path, "this is not a CloudEvent: %v", err)
}

// noEvent says what is missing in a request that has no event.
func noEvent(r *http.Request) error {
	if version := r.Header.Get("Ce-Specversion"); version != "" {
		return refuse(http.StatusBadRequest, codeInvalidEvent, "/specversion", "version %.20q of CloudEvents is not known; send 1.0", version)
	}
	if t := mediaType(r.Header.Get("Content-Type")); strings.HasPrefix(t, "application/cloudevents") {
		return refuse(http.StatusUnsupportedMediaType, codeUnsupported, "", "events of media type %.60q are not read; send %s", t, event.ApplicationCloudEventsJSON)
	}
	return refuse(http.StatusBadRequest, codeInvalidEvent, "/specversion",
		"this is not a CloudEvent: send it with headers Ce-Specversion, Ce-Id, Ce-Source and Ce-Type, or as %s", event.ApplicationCloudEventsJSON)
}

// mediaType is a Content-Type without its parameters, or "".
func mediaType(header string) string {
	t, _, err := mime.ParseMediaType(header)
	if err != nil {
		return ""
	}
	return t
}

// validate refuses an event that lacks what all have, and names what that is.
func validate(e *event.Event) error {
	for _, attribute := range []struct{ name, value string }{{"id", e.ID()}, {"source", e.Source()}, {"type", e.Type()}, {"subject", e.Subject()}} {
		switch {
		case attribute.value == "" && attribute.name != "subject":
			return refuse(http.StatusBadRequest, codeInvalidEvent, "/"+attribute.name, "the event has no %s", attribute.name)
		case len(attribute.value) > maxAttribute:
			return refuse(http.StatusBadRequest, codeInvalidEvent, "/"+attribute.name, "%s may have %d bytes", attribute.name, maxAttribute)
		}
	}
	err := e.Validate()
	var wrong event.ValidationError
	if errors.As(err, &wrong) {
		for _, name := range slices.Sorted(maps.Keys(wrong)) {
			return invalid("/"+name, wrong[name])
		}
	}
	if err != nil {
		return invalid("", err)
	}
	return nil
}

// jsonData returns the data of an event, which is JSON or empty.
func jsonData(e *event.Event) ([]byte, error) {
	t := mediaType(e.DataContentType())
	if len(e.Data()) > 0 && e.DataContentType() != "" && t != jsonType && !strings.HasSuffix(t, "+json") {
		return nil, refuse(http.StatusUnsupportedMediaType, codeUnsupported, "/datacontenttype", "data of type %.60q is not read; send %s", e.DataContentType(), jsonType)
	}
	return e.Data(), nil
}
