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

	// repliedBy is the extension with the namespace and name of the function that an event is a reply of. A function's
	// triggers let no reply of its own pass.
	repliedBy = "repliedby"
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
	if v := h["Ce-Specversion"]; len(v) == 1 && v[0] == "1.0" && !isEventMedia(h.Get("Content-Type")) {
		in, err := parseBinary(h, body)
		return []input{in}, false, err
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
	return isEventMedia(h.Get("Content-Type"))
}

func isEventMedia(contentType string) bool {
	return len(contentType) >= len(eventMediaPrefix) && strings.EqualFold(contentType[:len(eventMediaPrefix)], eventMediaPrefix)
}

func parseBinary(h http.Header, body []byte) (input, error) {
	var in input
	if e, ok := fastEvent(h); ok {
		in = input{event: e, kind: kindOf(e.DataContentType, body), data: body}
	} else {
		var err error
		if in, err = sdkBinary(h, body); err != nil {
			return in, err
		}
	}
	unescapeAttributes(in.event)
	return in, nil
}

// sdkBinary has the CloudEvents SDK read the event.
func sdkBinary(h http.Header, body []byte) (input, error) {
	// The data does not go through the message, which would copy it.
	e, err := binding.ToEvent(nil, cehttp.NewMessage(h, nil)) //nolint:staticcheck // it has no use for a context
	if err != nil {
		return input{}, badEvent(err)
	}
	e.DataEncoded = body
	return inputOf(e)
}

// unescapeAttributes undoes the percent-encoding that text in headers has.
// Attributes that are URIs stay as they are: what looks encoded in them mostly
// is part of the URI.
func unescapeAttributes(e *protocol.Event) {
	e.ID, e.Type, e.Subject = unescape(e.ID), unescape(e.Type), unescape(e.Subject)
	for name, value := range e.Extensions {
		if text, ok := value.(string); ok {
			e.Extensions[name] = unescape(text)
		}
	}
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
	mustBe := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '%' }
	if strings.IndexFunc(s, mustBe) < 0 {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if mustBe(rune(c)) {
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
	if inv.span.traceID != "" { // what the event triggers is part of the same trace
		e.SetExtension("traceparent", inv.span.traceparent())
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
	// Last: whatever else the handler says of its event, its own trigger must know it again.
	e.SetExtension(repliedBy, r.name)
	return &e, e.Validate()
}

// setReplyHeader writes what replyEvent has of an event that the handler says nothing of.
func (r *Runtime) setReplyHeader(h http.Header, inv *invocation, cause string) {
	h["Ce-Specversion"] = []string{"1.0"}
	h["Ce-Id"] = []string{newID()}
	h["Ce-Type"] = []string{successType}
	h["Ce-Source"] = []string{r.source}
	h["Ce-Time"] = []string{time.Now().UTC().Format(time.RFC3339Nano)}
	h["Ce-Correlationid"] = []string{escape(inv.info.correlation)}
	h["Ce-Causationid"] = []string{escape(cause)}
	h.Set("Ce-"+repliedBy, escape(r.name))
	if inv.span.traceID != "" {
		h["Ce-Traceparent"] = []string{inv.span.traceparent()}
	}
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
