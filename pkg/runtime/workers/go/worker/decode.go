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
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// specVersioned is what the event type of the CloudEvents SDK has, and what
// nothing else has by chance.
type specVersioned interface{ SpecVersion() string }

// decoder returns what makes a handler's argument of a request. It is looked up
// once, when the function starts.
func decoder[T any]() func(c *Call) (T, error) {
	var found any
	switch any((*T)(nil)).(type) {
	case *[]byte:
		found = func(c *Call) ([]byte, error) { return c.body.all() }
	case *string:
		found = decodeText
	case *any:
		found = decodeAny
	case *io.Reader:
		found = func(c *Call) (io.Reader, error) { return &c.body, nil }
	case specVersioned:
		return decodeEvent[T]
	default:
		if _, ok := any(*new(T)).(specVersioned); ok { // a pointer to an event
			return decodeEvent[T]
		}
		return decodeJSON[T]
	}
	return found.(func(*Call) (T, error)) //nolint:forcetypeassert // the case says so
}

func invalidData(format string, args ...any) error {
	return &failure{protocol.FailMeta{Code: codeInvalidData, Status: 400, Message: fmt.Sprintf(format, args...)}}
}

// decodeJSON takes JSON whatever it is declared as. A new value for each call:
// what one request left in it must not be seen by the next.
func decodeJSON[T any](c *Call) (T, error) {
	var data T
	text, err := c.body.all()
	if err != nil || c.kind == protocol.None && len(text) == 0 {
		return data, err
	}
	if err := json.Unmarshal(text, &data); err != nil {
		var zero T
		return zero, invalidData("the data is not JSON of what the handler takes: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return data, nil
}

// decodeText takes any body, and what a JSON string says.
func decodeText(c *Call) (string, error) {
	text, err := c.body.all()
	if err != nil {
		return "", err
	}
	if begin := bytes.TrimLeft(text, " \t\r\n"); c.kind == protocol.JSON && len(begin) > 0 && begin[0] == '"' {
		return decodeJSON[string](c)
	}
	return string(text), nil
}

// decodeAny takes the body for what it is declared as.
func decodeAny(c *Call) (any, error) {
	text, err := c.body.all()
	if err != nil || len(text) == 0 {
		return nil, err
	}
	switch c.kind {
	case protocol.JSON:
		return decodeJSON[any](c)
	case protocol.Auto:
		var data any
		if json.Unmarshal(text, &data) == nil {
			return data, nil
		}
	case protocol.Bytes:
		return text, nil
	}
	if utf8.Valid(text) {
		return string(text), nil
	}
	return text, nil
}

// decodeEvent takes the event as a whole, in the form of its JSON.
func decodeEvent[T any](c *Call) (T, error) {
	var event T
	attributes := c.request().Event
	if attributes == nil {
		return event, invalidData("the handler takes a CloudEvent, and the request is none")
	}
	data, err := c.body.all()
	if err != nil {
		return event, err
	}
	all := make(map[string]any, len(attributes.Extensions)+len(eventNames)+1)
	for name, value := range attributes.Extensions {
		all[name] = value
	}
	for _, name := range append(eventNames[:len(eventNames)-1:len(eventNames)-1], "id") {
		if value := c.attribute(name); value != "" {
			all[name] = value
		}
	}
	switch {
	case len(data) == 0:
	case c.kind == protocol.JSON && json.Valid(data):
		all["data"] = json.RawMessage(data)
	case c.kind == protocol.JSON:
		return event, invalidData("the data is not valid JSON")
	case c.kind != protocol.Bytes && utf8.Valid(data):
		all["data"] = string(data)
	default:
		all["data_base64"] = data
	}
	text, err := json.Marshal(all)
	if err == nil {
		err = json.Unmarshal(text, &event)
	}
	if err != nil {
		return event, invalidData("the event is not one that the handler takes: %v", err)
	}
	return event, nil
}

// describe makes the second argument of a handler.
func describe[E any](c *Call) (E, error) {
	var event E
	if all, ok := any(&event).(*map[string]any); ok {
		*all = c.description()
		return event, nil
	}
	text, err := json.Marshal(c.description())
	if err == nil {
		err = json.Unmarshal(text, &event)
	}
	if err != nil {
		return event, fmt.Errorf("failed to make the handler's second argument: %w", err)
	}
	return event, nil
}
