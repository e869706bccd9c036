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
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

const (
	eventMediaPrefix = "application/cloudevents"
	batchMediaType   = "application/cloudevents-batch+json"
)

// input is what one call of the handler is about.
type input struct {
	event *protocol.Event // nil for a plain request
	kind  protocol.Kind
	data  []byte
}

// parse returns what a request holds. A batch has any number of inputs, all
// else has one.
func parse(h http.Header, body []byte) (inputs []input, batch bool, err error) {
	if !isEvent(h) {
		in := input{kind: kindOf(h.Get("Content-Type"), body), data: body}
		return []input{in}, false, nil
	}
	m := cehttp.NewMessage(h, io.NopCloser(bytes.NewReader(body)))
	switch m.ReadEncoding() {
	case binding.EncodingBinary:
		in, err := parseBinary(h, body)
		return []input{in}, false, err
	case binding.EncodingStructured:
		e, err := binding.ToEvent(nil, m) //nolint:staticcheck // it has no use for a context
		if err != nil {
			return nil, false, badEvent(err)
		}
		in, err := inputOf(e)
		return []input{in}, false, err
	case binding.EncodingBatch:
		inputs, err := parseBatch(m)
		return inputs, true, err
	}
	if v := h.Get("Ce-Specversion"); v != "" {
		return nil, false, badEvent(fmt.Errorf("specversion %q is not known", v))
	}
	if ct := h.Get("Content-Type"); strings.HasPrefix(ct, eventMediaPrefix) {
		return nil, false, &httpError{http.StatusUnsupportedMediaType, codeUnsupported, fmt.Sprintf("events as %q are not supported, only JSON", ct)}
	}
	return nil, false, badEvent(errors.New("specversion is missing"))
}

// isEvent reports whether a request means to be an event. One that has an
// event's attributes but no version is a broken event, not a plain request.
func isEvent(h http.Header) bool {
	for _, name := range []string{"Ce-Specversion", "Ce-Id", "Ce-Type", "Ce-Source"} {
		if _, ok := h[name]; ok {
			return true
		}
	}
	ct := h.Get("Content-Type")
	return len(ct) >= len(eventMediaPrefix) && strings.EqualFold(ct[:len(eventMediaPrefix)], eventMediaPrefix)
}

func parseBinary(h http.Header, body []byte) (input, error) {
	// The data does not go through the message, which would copy it.
	e, err := binding.ToEvent(nil, cehttp.NewMessage(h, nil)) //nolint:staticcheck // it has no use for a context
	if err != nil {
		return input{}, badEvent(err)
	}
	e.DataEncoded = body
	in, err := inputOf(e)
	if err != nil {
		return in, err
	}
	// Text in headers is percent-encoded. Attributes that are URIs stay as they
	// are: what looks encoded in them mostly is part of the URI.
	in.event.ID = unescape(in.event.ID)
	in.event.Type = unescape(in.event.Type)
	in.event.Subject = unescape(in.event.Subject)
	for name, value := range in.event.Extensions {
		if text, ok := value.(string); ok {
			in.event.Extensions[name] = unescape(text)
		}
	}
	return in, nil
}

func parseBatch(m *cehttp.Message) ([]input, error) {
	events, err := binding.ToEvents(nil, m, m.BodyReader) //nolint:staticcheck // it has no use for a context
	if err != nil {
		return nil, badEvent(err)
	}
	inputs := make([]input, 0, len(events))
	for i := range events {
		in, err := inputOf(&events[i])
		if err != nil {
			return nil, fmt.Errorf("event %d of the batch: %w", i, err)
		}
		inputs = append(inputs, in)
	}
	return inputs, nil
}

func inputOf(e *event.Event) (input, error) {
	if err := e.Validate(); err != nil {
		return input{}, badEvent(err)
	}
	a := &protocol.Event{
		SpecVersion:     e.SpecVersion(),
		ID:              e.ID(),
		Type:            e.Type(),
		Source:          e.Source(),
		Subject:         e.Subject(),
		DataSchema:      e.DataSchema(),
		DataContentType: e.DataContentType(),
	}
	if t := e.Time(); !t.IsZero() {
		a.Time = t.Format(time.RFC3339Nano)
	}
	for name, value := range e.Extensions() {
		switch value.(type) {
		case string, bool, int32:
		default:
			text, err := types.Format(value)
			if err != nil {
				return input{}, badEvent(err)
			}
			value = text
		}
		if a.Extensions == nil {
			a.Extensions = make(map[string]any, len(e.Extensions()))
		}
		a.Extensions[name] = value
	}
	kind := kindOf(a.DataContentType, e.DataEncoded)
	if kind == protocol.Auto && e.DataBase64 {
		kind = protocol.Bytes
	}
	return input{event: a, kind: kind, data: e.DataEncoded}, nil
}

// kindOf says how a handler gets data of a media type.
func kindOf(contentType string, data []byte) protocol.Kind {
	if len(data) == 0 {
		return protocol.None
	}
	if contentType == "application/json" {
		return protocol.JSON
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return protocol.Auto
	}
	switch {
	case media == "application/json", media == "text/json", strings.HasSuffix(media, "+json"):
		return protocol.JSON
	case strings.HasPrefix(media, "text/"), media == "application/xml", strings.HasSuffix(media, "+xml"),
		media == "application/x-www-form-urlencoded":
		return protocol.Text
	default:
		return protocol.Bytes
	}
}

// unescape undoes percent-encoding where it is one.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// escape encodes text for a header, as the CloudEvents HTTP binding asks for.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// replyEvent builds the event that answers one. The attributes are those of the
// handler's own event where it returned one.
func (r *Runtime) replyEvent(inv *invocation, in *input, own map[string]any) (*event.Event, error) {
	e := event.New()
	e.SetID(newID())
	e.SetType(successType)
	e.SetSource(r.source)
	e.SetTime(time.Now())
	e.SetExtension("correlationid", inv.info.correlation)
	if in.event != nil {
		e.SetExtension("causationid", in.event.ID)
	}
	for name, value := range own {
		text, err := types.Format(value)
		if number, ok := value.(float64); ok && number == float64(int32(number)) {
			value, err = int32(number), nil
		}
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		switch name {
		case "specversion":
		case "id":
			e.SetID(text)
		case "type":
			e.SetType(text)
		case "source":
			e.SetSource(text)
		case "subject":
			e.SetSubject(text)
		case "datacontenttype":
			e.SetDataContentType(text)
		case "dataschema":
			e.SetDataSchema(text)
		case "time":
			t, err := types.ParseTime(text)
			if err != nil {
				return nil, fmt.Errorf("attribute time: %w", err)
			}
			e.SetTime(t)
		default:
			e.SetExtension(name, value)
		}
	}
	return &e, e.Validate()
}

// setEventHeader writes an event's attributes as headers.
func setEventHeader(h http.Header, e *event.Event) error {
	set := func(name, value string) {
		if value != "" {
			h.Set("Ce-"+name, value)
		}
	}
	set("Specversion", e.SpecVersion())
	set("Id", escape(e.ID()))
	set("Type", escape(e.Type()))
	set("Source", e.Source())
	set("Subject", escape(e.Subject()))
	set("Dataschema", e.DataSchema())
	set("Time", e.Time().UTC().Format(time.RFC3339Nano))
	for name, value := range e.Extensions() {
		text, err := types.Format(value)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
		set(name, escape(text))
	}
	return nil
}
