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

package protocol

import "encoding/json"

// HelloMeta is the first thing a worker says, before it loads anything.
type HelloMeta struct {
	// Protocol is the version that the worker speaks.
	Protocol int `json:"protocol"`
	// Language is the worker's language, Version the version of its interpreter.
	Language string `json:"language"`
	Version  string `json:"version"`
}

// ReadyMeta says that the handler is loaded.
type ReadyMeta struct {
	// Handler is what was found, as module.function.
	Handler string `json:"handler"`
	// Concurrency is how many requests the worker can run at once; 0 is no limit.
	Concurrency int `json:"concurrency"`
	// Port of the loopback takes connections that are upgraded, such as
	// WebSockets; 0 is none.
	Port int `json:"port,omitempty"`
}

// LoadErrorMeta says why the handler cannot be loaded.
type LoadErrorMeta struct {
	// Message is one line: type, message, file and line.
	Message string `json:"message"`
	// Stack is for the log.
	Stack string `json:"stack,omitempty"`
}

// RequestMeta describes a request. A worker parses it only when the handler
// asks for its context.
type RequestMeta struct {
	Invocation  string `json:"invocation"`
	Correlation string `json:"correlation"`
	// Deadline is in milliseconds since the epoch.
	Deadline int64  `json:"deadline"`
	TraceID  string `json:"traceId,omitempty"`
	SpanID   string `json:"spanId,omitempty"`
	Method   string `json:"method"`
	Path     string `json:"path"`
	// Query has all values of a name, Headers one string with lower-case names.
	Query   map[string][]string `json:"query,omitempty"`
	Headers map[string]string   `json:"headers"`
	Event   *Event              `json:"event,omitempty"`
}

// Event has the context attributes of a CloudEvent.
type Event struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Type            string         `json:"type"`
	Source          string         `json:"source"`
	Subject         string         `json:"subject,omitempty"`
	Time            string         `json:"time,omitempty"`
	DataSchema      string         `json:"dataschema,omitempty"`
	DataContentType string         `json:"datacontenttype,omitempty"`
	Extensions      map[string]any `json:"extensions,omitempty"`
}

// ResponseMeta is present where the handler says more than a value.
type ResponseMeta struct {
	// Status is the handler's statusCode; 0 where it gave none.
	Status int `json:"status,omitempty"`
	// Headers are the handler's; a value is a string or a list of them.
	Headers map[string]HeaderValues `json:"headers,omitempty"`
	// Event has the attributes, extensions included, of an event the handler
	// returned.
	Event map[string]any `json:"event,omitempty"`
	// ContentType is that of a stream, whose kind does not tell it.
	ContentType string `json:"contentType,omitempty"`
}

// HeaderValues is one header value or several.
type HeaderValues []string

// UnmarshalJSON takes a string or a list of strings.
func (v *HeaderValues) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*v = make(HeaderValues, 1)
		return json.Unmarshal(b, &(*v)[0])
	}
	return json.Unmarshal(b, (*[]string)(v))
}

// FailMeta is a handler's error.
type FailMeta struct {
	// Code names the class of failure; empty means that the handler raised.
	Code string `json:"code,omitempty"`
	// Message is for the caller, Stack for the log only.
	Message string `json:"message"`
	Stack   string `json:"stack,omitempty"`
	// Status is the HTTP status that the error carries, or 0.
	Status int `json:"status,omitempty"`
}

// LogMeta describes a line of the function's logger. A frame without it is
// text that the function printed.
type LogMeta struct {
	Level  string         `json:"level"`
	Logger string         `json:"logger,omitempty"`
	Fields map[string]any `json:"fields,omitempty"`
}
