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
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// metaBuffers are for what appendRequestMeta writes.
var metaBuffers = sync.Pool{New: func() any { return new([]byte) }}

// appendRequestMeta appends a protocol.RequestMeta as JSON. It is written by
// hand, because it is a fifth of what a request costs otherwise: package json
// looks at every type again, and wants maps, which it sorts.
func appendRequestMeta(b []byte, inv *invocation, in *input) []byte {
	req := inv.request
	b = append(b, `{"invocation":`...)
	b = appendText(b, inv.info.invocation)
	b = append(b, `,"correlation":`...)
	b = appendText(b, inv.info.correlation)
	b = append(b, `,"deadline":`...)
	b = strconv.AppendInt(b, inv.deadline.UnixMilli(), 10)
	b = appendMember(b, "traceId", inv.info.traceID)
	b = appendMember(b, "spanId", inv.info.spanID)
	b = append(b, `,"method":`...)
	b = appendText(b, req.Method)
	b = append(b, `,"path":`...)
	b = appendText(b, req.URL.Path)
	if req.URL.RawQuery != "" {
		if query, _ := url.ParseQuery(req.URL.RawQuery); len(query) > 0 { // what can be read of it counts
			b = append(b, `,"query":`...)
			b = appendJSON(b, query)
		}
	}
	b = append(b, `,"headers":{"host":`...)
	b = appendText(b, req.Host)
	own := inv.span.spanID != inv.info.spanID // libraries that trace find the handler's span where they look for it
	if own {
		t := traceContext{inv.info.traceID, inv.info.spanID, inv.span.state, inv.span.sampled}
		b = appendMember(b, "traceparent", t.traceparent())
	}
	for name, values := range req.Header {
		if own && name == "Traceparent" || name == "Host" {
			continue
		}
		b = append(b, ',')
		b = appendHeader(b, name, values)
	}
	b = append(b, '}')
	if in.event != nil {
		b = append(b, `,"event":`...)
		b = appendEvent(b, in.event)
	}
	return append(b, '}')
}

// appendHeader appends a header by its name in lower case, with all its values in one text.
func appendHeader(b []byte, name string, values []string) []byte {
	b = append(b, '"')
	for i := range len(name) { // the server takes no name that would have to be escaped
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	b = append(b, `":`...)
	if len(values) == 1 {
		return appendText(b, values[0])
	}
	return appendText(b, strings.Join(values, ", "))
}

func appendEvent(b []byte, e *protocol.Event) []byte {
	b = append(b, `{"specversion":`...)
	b = appendText(b, e.SpecVersion)
	b = append(b, `,"id":`...)
	b = appendText(b, e.ID)
	b = append(b, `,"type":`...)
	b = appendText(b, e.Type)
	b = append(b, `,"source":`...)
	b = appendText(b, e.Source)
	b = appendMember(b, "subject", e.Subject)
	b = appendMember(b, "time", e.Time)
	b = appendMember(b, "dataschema", e.DataSchema)
	b = appendMember(b, "datacontenttype", e.DataContentType)
	if len(e.Extensions) > 0 {
		b = append(b, `,"extensions":`...)
		b = appendJSON(b, e.Extensions)
	}
	return append(b, '}')
}

// appendMember appends a member of an object that is not the first one, unless it is empty. The name needs no escape.
func appendMember(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return appendText(b, value)
}

// appendText appends a text as JSON.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return appendJSON(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendJSON appends texts, numbers, bools, and maps and lists of them.
func appendJSON(b []byte, v any) []byte {
	text, _ := json.Marshal(v) // such always encode
	return append(b, text...)
}

// fastEvent returns the event of a request in binary mode where it is of the usual kind. All others, and what may be
// wrong, are left to the CloudEvents SDK, whose rules hold.
func fastEvent(h http.Header) (*protocol.Event, bool) {
	e := &protocol.Event{SpecVersion: "1.0", DataContentType: h.Get("Content-Type")}
	if v := h["Ce-Specversion"]; len(v) != 1 || v[0] != "1.0" {
		return nil, false
	}
	for name, values := range h {
		if len(name) < 4 || name[:3] != "Ce-" {
			continue
		}
		if len(values) != 1 || values[0] == "" || values[0][0] == ' ' {
			return nil, false
		}
		value := values[0]
		switch name {
		case "Ce-Specversion":
		case "Ce-Id":
			e.ID = value
		case "Ce-Type":
			e.Type = value
		case "Ce-Source":
			e.Source = value
		case "Ce-Subject":
			e.Subject = value
		case "Ce-Time":
			t, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				return nil, false
			}
			e.Time = t.Format(time.RFC3339Nano)
		default:
			attribute, ok := extensionName(name[3:])
			if !ok {
				return nil, false
			}
			if e.Extensions == nil {
				e.Extensions = make(map[string]any, 2)
			}
			e.Extensions[attribute] = value
		}
	}
	return e, e.ID != "" && e.Type != "" && isPlainURI(e.Source) && (e.DataContentType == "" || e.DataContentType == jsonMediaType)
}

// extensionName returns the name of an extension attribute in lower case. Those that are none are no extensions.
func extensionName(s string) (string, bool) {
	b := make([]byte, len(s))
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return "", false
		}
		b[i] = c
	}
	name := string(b)
	switch name {
	case "data", "datacontenttype", "dataschema", "schemaurl", "datacontentencoding":
		return "", false
	}
	return name, true
}

// isPlainURI reports whether s is a reference that parsing leaves as it is.
func isPlainURI(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '/', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != ""
}
