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
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

// bufferSize is how much of a reply is kept back, so that a small one is one
// frame.
const bufferSize = 32 << 10

// HTTPFunc serves with a function of net/http's form.
func HTTPFunc(handle func(http.ResponseWriter, *http.Request)) Function {
	if handle == nil {
		return nil
	}
	return HTTP(http.HandlerFunc(handle))
}

// HTTPContextFunc serves with a function that takes the context, too, as older
// functions for func do.
func HTTPContextFunc(handle func(context.Context, http.ResponseWriter, *http.Request)) Function {
	if handle == nil {
		return nil
	}
	return HTTPFunc(func(w http.ResponseWriter, r *http.Request) { handle(r.Context(), w, r) })
}

// HTTP serves with a handler of net/http. An event comes to it in binary mode,
// whatever its mode was.
func HTTP(handler http.Handler) Function {
	if handler == nil {
		return nil
	}
	upgrades = serveUpgrades(handler)
	return func(c *Call) error {
		w := &responseWriter{call: c, header: http.Header{}}
		handler.ServeHTTP(w, requestOf(c))
		return w.finish()
	}
}

// serveUpgrades serves connections that become something else, such as
// WebSockets, and returns the port; 0 where there can be none.
func serveUpgrades(handler http.Handler) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is immediate
	if err != nil {
		return 0
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // it ends with the process
	return listener.Addr().(*net.TCPAddr).Port
}

func requestOf(c *Call) *http.Request {
	m := c.request()
	header := make(http.Header, len(m.Headers))
	for name, value := range m.Headers {
		if name != "host" {
			header.Set(name, value)
		}
	}
	if m.Event != nil {
		setEvent(header, m.Event)
	}
	u := &url.URL{Path: m.Path, RawQuery: url.Values(m.Query).Encode()}
	r := &http.Request{
		Method: m.Method, URL: u, RequestURI: u.RequestURI(), Host: m.Headers["host"],
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: &c.body, ContentLength: -1,
	}
	c.body.mu.Lock()
	if c.body.ended {
		r.ContentLength = int64(len(c.body.data))
		if r.ContentLength == 0 {
			r.Body = http.NoBody
		}
	}
	c.body.mu.Unlock()
	return r.WithContext(c.Context())
}

// setEvent writes the attributes of an event as headers.
func setEvent(h http.Header, e *protocol.Event) {
	set := func(name string, value any) {
		if value != "" {
			h.Set("Ce-"+name, fmt.Sprint(value))
		}
	}
	set("Specversion", e.SpecVersion)
	set("Id", e.ID)
	set("Type", e.Type)
	set("Source", e.Source)
	set("Subject", e.Subject)
	set("Time", e.Time)
	set("Dataschema", e.DataSchema)
	for name, value := range e.Extensions {
		set(name, value)
	}
	h.Del("Content-Type")
	if e.DataContentType != "" {
		h.Set("Content-Type", e.DataContentType)
	}
}

// responseWriter is the http.ResponseWriter of a call.
type responseWriter struct {
	call   *Call
	header http.Header
	sent   http.Header // as they were when the status was written
	status int
	buffer []byte
}

// Header makes responseWriter an http.ResponseWriter.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader makes responseWriter an http.ResponseWriter.
func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
		w.sent = w.header.Clone()
	}
}

// Write makes responseWriter an http.ResponseWriter.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	if !w.call.headSent && len(w.buffer)+len(p) <= bufferSize {
		w.buffer = append(w.buffer, p...)
		return len(p), nil
	}
	if err := w.flush(p); err != nil {
		return 0, err
	}
	if err := w.call.write(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// FlushError is what http.ResponseController calls.
func (w *responseWriter) FlushError() error {
	w.WriteHeader(http.StatusOK)
	return w.flush(nil)
}

// Flush makes responseWriter an http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// flush sends the head and what was kept back.
func (w *responseWriter) flush(next []byte) error {
	if w.call.headSent {
		return nil
	}
	begin := w.buffer
	if len(begin) == 0 {
		begin = next
	}
	kind, meta, err := w.head(begin)
	if err != nil {
		return err
	}
	if err := w.call.head(kind, meta); err != nil {
		return err
	}
	kept := w.buffer
	w.buffer = nil
	return w.call.write(kept)
}

// head returns kind and meta of the reply. begin is how its body begins.
func (w *responseWriter) head(begin []byte) (protocol.Kind, []byte, error) {
	m := protocol.ResponseMeta{Status: w.status, Event: w.event()}
	kind := protocol.None
	contentType := w.sent.Get("Content-Type")
	if len(begin) > 0 {
		if contentType == "" {
			contentType = http.DetectContentType(begin)
			w.sent.Set("Content-Type", contentType)
		}
		kind = kindOf(contentType)
	}
	if len(w.sent) > 0 {
		m.Headers = make(map[string]protocol.HeaderValues, len(w.sent))
		for name, values := range w.sent {
			m.Headers[name] = values
		}
	}
	meta, err := json.Marshal(m)
	return kind, meta, err
}

// event returns the attributes of the event that a handler answers with, and
// takes them out of the headers.
func (w *responseWriter) event() map[string]any {
	if w.sent.Get("Ce-Specversion") == "" {
		return nil
	}
	attributes := map[string]any{}
	for name := range w.sent {
		if attribute, ok := strings.CutPrefix(name, "Ce-"); ok {
			attributes[strings.ToLower(attribute)] = w.sent.Get(name)
			w.sent.Del(name)
		}
	}
	return attributes
}

func (w *responseWriter) finish() error {
	if w.call.headSent {
		w.call.end()
		return nil
	}
	if w.status == 0 && w.call.request().Event != nil && len(w.header) == 0 {
		return w.call.respond(protocol.None, nil, nil) // it has nothing to say to the event
	}
	w.WriteHeader(http.StatusOK)
	if n := w.sent.Get("Content-Length"); n != "" && n != strconv.Itoa(len(w.buffer)) {
		w.sent.Del("Content-Length")
	}
	kind, meta, err := w.head(w.buffer)
	if err != nil {
		return err
	}
	return w.call.respond(kind, meta, w.buffer)
}

func kindOf(contentType string) protocol.Kind {
	media, _, _ := mime.ParseMediaType(contentType)
	switch {
	case media == "application/json", strings.HasSuffix(media, "+json"):
		return protocol.JSON
	case strings.HasPrefix(media, "text/"):
		return protocol.Text
	default:
		return protocol.Bytes
	}
}
