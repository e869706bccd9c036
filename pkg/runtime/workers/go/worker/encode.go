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
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
	"sync"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// reply sends what a handler returned.
func (c *Call) reply(value any) error {
	kind, meta, body, err := encode(value)
	if err != nil {
		return err
	}
	if r, ok := body.(io.Reader); ok {
		return c.replyStream(kind, meta, r)
	}
	var encoded []byte
	if len(meta) > 0 {
		if encoded, err = json.Marshal(meta); err != nil {
			return invalidReply("the handler returned what JSON cannot hold: %v", err)
		}
	}
	return c.respond(kind, encoded, body.([]byte)) //nolint:forcetypeassert // encode says so
}

// replyStream sends what it reads, as it comes.
func (c *Call) replyStream(kind protocol.Kind, meta map[string]any, r io.Reader) error {
	if closer, ok := r.(io.Closer); ok {
		defer closer.Close()
	}
	if meta == nil {
		meta = map[string]any{}
	}
	meta["contentType"] = "application/octet-stream"
	encoded, err := json.Marshal(meta)
	if err != nil {
		return invalidReply("the handler returned what JSON cannot hold: %v", err)
	}
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Read(buffer)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !c.headSent {
			if sent := c.head(kind, encoded); sent != nil {
				return sent
			}
		}
		if sent := c.write(buffer[:n]); sent != nil {
			return sent
		}
		if err != nil {
			c.end()
			return nil
		}
	}
}

func invalidReply(format string, args ...any) error {
	return &failure{protocol.FailMeta{Code: codeInvalidReply, Message: fmt.Sprintf(format, args...)}}
}

// encode returns kind, meta and body of what a handler returned. The body is
// bytes, or an io.Reader where the reply is a stream.
func encode(value any) (protocol.Kind, map[string]any, any, error) {
	switch formOf(value) {
	case formResponse:
		return encodeResponse(fieldsOf(value))
	case formEvent:
		return encodeEvent(value)
	}
	kind, body, err := encodeBody(value)
	return kind, nil, body, err
}

// encodeBody returns kind and bytes of a value, or the io.Reader that it is.
func encodeBody(value any) (protocol.Kind, any, error) {
	switch v := value.(type) {
	case nil:
		return protocol.None, []byte(nil), nil
	case string:
		return protocol.Text, []byte(strings.ToValidUTF8(v, "\uFFFD")), nil
	case []byte:
		if v == nil {
			return protocol.None, v, nil
		}
		return protocol.Bytes, v, nil
	}
	if isNil(value) {
		return protocol.None, []byte(nil), nil
	}
	if r, ok := value.(io.Reader); ok {
		return protocol.Bytes, r, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return 0, nil, invalidReply("the handler returned what JSON cannot hold: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return protocol.JSON, bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// isNil reports whether a handler returned nothing. A nil slice is an empty one.
func isNil(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Pointer, reflect.Map:
		return v.IsNil()
	default:
		return false
	}
}

// form says how a value is to be taken.
type form int

const (
	formValue    form = iota
	formResponse      // statusCode, headers, body
	formEvent         // a CloudEvent
)

// forms are those of types that are no maps, by their type.
var forms sync.Map

func formOf(value any) form {
	switch v := value.(type) {
	case nil, string, []byte:
		return formValue
	case map[string]any:
		if _, ok := v["statusCode"]; ok {
			return formResponse
		}
		if has(v, "specversion") && has(v, "type") {
			return formEvent
		}
		return formValue
	}
	t := reflect.TypeOf(value)
	if known, ok := forms.Load(t); ok {
		if isNil(value) {
			return formValue
		}
		return known.(form) //nolint:forcetypeassert // nothing else is stored
	}
	forms.Store(t, formOfType(t))
	return formOf(value)
}

func has(m map[string]any, name string) bool {
	_, ok := m[name]
	return ok
}

func formOfType(t reflect.Type) form {
	if t.Implements(reflect.TypeFor[specVersioned]()) {
		return formEvent
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return formValue
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[specVersioned]()) {
		return formEvent
	}
	names := map[string]reflect.Kind{}
	for name, field := range fieldsByName(t) {
		names[name] = field.Type.Kind()
	}
	switch {
	case names["statusCode"] == reflect.Int:
		return formResponse
	case names["specversion"] == reflect.String && names["type"] == reflect.String:
		return formEvent
	default:
		return formValue
	}
}

// fieldsByName are the fields of a struct by their names in JSON.
func fieldsByName(t reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.IsExported() && name != "" && name != "-" {
			fields[name] = field
		}
	}
	return fields
}

// fieldsOf returns a map, or what a struct has as one.
func fieldsOf(value any) map[string]any {
	if m, ok := value.(map[string]any); ok {
		return m
	}
	v := reflect.Indirect(reflect.ValueOf(value))
	fields := map[string]any{}
	for name, field := range fieldsByName(v.Type()) {
		if f, err := v.FieldByIndexErr(field.Index); err == nil {
			fields[name] = f.Interface()
		}
	}
	if fields["statusCode"] == 0 {
		delete(fields, "statusCode") // a struct has no other way to leave it out
	}
	return fields
}

// encodeResponse encodes statusCode, headers and body.
func encodeResponse(response map[string]any) (protocol.Kind, map[string]any, any, error) {
	meta := map[string]any{}
	if status, ok := response["statusCode"]; ok {
		n, err := statusOf(status)
		if err != nil {
			return 0, nil, nil, err
		}
		meta["status"] = n
	}
	headers, err := headersOf(response["headers"])
	if err != nil {
		return 0, nil, nil, err
	}
	if len(headers) > 0 {
		meta["headers"] = headers
	}
	body := response["body"]
	if text, ok := body.(string); ok && response["isBase64Encoded"] == true {
		if body, err = base64.StdEncoding.DecodeString(text); err != nil {
			return 0, nil, nil, invalidReply("the handler returned a body that is not base64: %v", err)
		}
	}
	kind, data, err := encodeBody(body)
	return kind, meta, data, err
}

func statusOf(value any) (int, error) {
	var n int
	text := textOf(value)
	if err := json.Unmarshal([]byte(text), &n); err != nil || n < 200 || n > 599 {
		return 0, invalidReply("the handler returned statusCode %s, which is not a number between 200 and 599", text)
	}
	return n, nil
}

func textOf(value any) string { return fmt.Sprint(value) }

// headersOf takes maps of text, of lists, or of anything.
func headersOf(value any) (map[string]protocol.HeaderValues, error) {
	headers := map[string]protocol.HeaderValues{}
	if value == nil {
		return headers, nil
	}
	v := reflect.ValueOf(value)
	if v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String {
		return nil, invalidReply("the handler returned headers of type %T, not a map", value)
	}
	for name, values := range v.Seq2() {
		list := reflect.ValueOf(values.Interface())
		if list.Kind() != reflect.Slice {
			list = reflect.ValueOf([]any{values.Interface()})
		}
		for i := range list.Len() {
			headers[name.String()] = append(headers[name.String()], textOf(list.Index(i).Interface()))
		}
	}
	return headers, nil
}

// encodeEvent encodes a CloudEvent that has the form of its JSON, or takes it
// when it is encoded.
func encodeEvent(value any) (protocol.Kind, map[string]any, any, error) {
	attributes, ok := value.(map[string]any)
	if ok {
		attributes = maps.Clone(attributes)
	} else {
		text, err := json.Marshal(value)
		if err == nil {
			err = json.Unmarshal(text, &attributes)
		}
		if err != nil {
			return 0, nil, nil, invalidReply("the handler's event is not valid: %v", err)
		}
	}
	data := attributes["data"]
	if text, ok := attributes["data_base64"].(string); ok {
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return 0, nil, nil, invalidReply("the handler returned data that is not base64: %v", err)
		}
		data = decoded
	}
	for name, value := range attributes {
		if name == "data" || name == "data_base64" || value == nil || value == "" {
			delete(attributes, name)
		}
	}
	kind, body, err := encodeBody(data)
	return kind, map[string]any{"event": attributes}, body, err
}
