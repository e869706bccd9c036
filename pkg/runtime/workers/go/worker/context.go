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

package worker

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// callKey is the key of the Call in its context.
type callKey struct{}

// callContext is the context of a call: cancelled when nobody waits for the
// reply any more. What is known of the request are its values, by text, so that
// a function needs no package of ours to ask for them.
type callContext struct {
	context.Context
	call *Call
}

// Context is the context of the call.
func (c *Call) Context() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	c.mu.Lock()
	c.cancel = cancel
	cancelled := c.cancelled
	c.mu.Unlock()
	if cancelled {
		cancel(c.cause())
	}
	return &callContext{ctx, c}
}

// Deadline is when the caller stops waiting.
func (c *callContext) Deadline() (time.Time, bool) { return c.call.deadline(), true }

// Value returns an attribute of the request by its name, nil for a name that is
// none.
func (c *callContext) Value(key any) any {
	switch name := key.(type) {
	case callKey:
		return c.call
	case string:
		if name == "logger" {
			return slog.New(withCall{slog.Default().Handler(), c.call})
		}
		return c.call.attribute(name)
	}
	return c.Context.Value(key)
}

// attribute returns what the second argument of a handler has by that name.
func (c *Call) attribute(name string) any {
	m := c.request()
	switch name {
	case "invocationId":
		return m.Invocation
	case "correlationId":
		return m.Correlation
	case "traceId":
		return m.TraceID
	case "spanId":
		return m.SpanID
	case "method":
		return m.Method
	case "path":
		return m.Path
	case "query":
		return m.Query
	case "headers":
		return m.Headers
	case "deadline":
		return c.deadline()
	case "event":
		return c.description()
	}
	return eventAttribute(m, name)
}

func eventAttribute(m *protocol.RequestMeta, name string) any {
	e := m.Event
	if e == nil {
		if name == "id" {
			return m.Invocation
		}
		return nil
	}
	switch name {
	case "id":
		return e.ID
	case "type":
		return e.Type
	case "source":
		return e.Source
	case "subject":
		return e.Subject
	case "time":
		return e.Time
	case "dataschema":
		return e.DataSchema
	case "datacontenttype":
		return e.DataContentType
	case "specversion":
		return e.SpecVersion
	case "extensions":
		return e.Extensions
	}
	return e.Extensions[name]
}

// names are the attributes that are there for every request.
var names = strings.Fields("id invocationId correlationId traceId spanId method path query headers deadline")

// eventNames are those that an event has besides.
var eventNames = strings.Fields("type source subject time dataschema datacontenttype specversion extensions")

// description has all that is known of the request, by name.
func (c *Call) description() map[string]any {
	all := make(map[string]any, len(names)+len(eventNames))
	for _, name := range names {
		all[name] = c.attribute(name)
	}
	if c.request().Event != nil {
		for _, name := range eventNames {
			all[name] = c.attribute(name)
		}
	}
	return all
}
