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
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

func TestHTTPRequest(t *testing.T) {
	var got *http.Request
	var body string
	s := ready(t, HTTPFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got, body = r, string(b)
	}))
	s.request(protocol.JSON, protocol.RequestMeta{
		Method: "PUT", Path: "/a b", Query: map[string][]string{"q": {"1", "2"}},
		Headers: map[string]string{"host": "fn.example.com", "content-type": "application/cloudevents+json", "x-a": "1"},
		Event: &protocol.Event{
			SpecVersion: "1.0", ID: "7", Type: "order", Source: "/s", DataContentType: "application/json", Extensions: map[string]any{"n": 1},
		},
	}, `{"x":1}`)
	if f := s.expect(protocol.Response); f.Kind != protocol.None || len(f.Meta) > 0 {
		t.Errorf("reply to an event that the handler has nothing to say to = %+v", f)
	}
	if got.Method != http.MethodPut || got.URL.String() != "/a%20b?q=1&q=2" || got.Host != "fn.example.com" || got.ContentLength != 7 || body != `{"x":1}` {
		t.Errorf("request = %s %s of %s with %d bytes: %s", got.Method, got.URL, got.Host, got.ContentLength, body)
	}
	if diff := cmp.Diff(http.Header{
		"Ce-Specversion": {"1.0"}, "Ce-Id": {"7"}, "Ce-Type": {"order"}, "Ce-Source": {"/s"}, "Ce-N": {"1"},
		"Content-Type": {"application/json"}, "X-A": {"1"},
	}, got.Header); diff != "" {
		t.Error("headers (-want, +got):", diff)
	}
}

func TestHTTPReply(t *testing.T) {
	for name, tc := range map[string]struct {
		handle func(w http.ResponseWriter)
		kind   protocol.Kind
		meta   string
		body   string
	}{
		"nothing": {func(http.ResponseWriter) {}, protocol.None, `{"status":200}`, ""},
		"status": {func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusInternalServerError)
		}, protocol.None, `{"status":418}`, ""},
		"text": {
			func(w http.ResponseWriter) { _, _ = io.WriteString(w, "a") }, protocol.Text,
			`{"status":200,"headers":{"Content-Type":["text/plain; charset=utf-8"]}}`, "a",
		},
		"JSON": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(1)
			w.Header().Set("X-Late", "1")
		}, protocol.JSON, `{"status":200,"headers":{"Content-Type":["application/json"]}}`, "1\n"},
		"event": {func(w http.ResponseWriter) {
			w.Header().Set("Ce-Specversion", "1.0")
			w.Header().Set("Ce-Type", "reply")
			w.WriteHeader(http.StatusAccepted)
		}, protocol.None, `{"status":202,"event":{"specversion":"1.0","type":"reply"}}`, ""},
		"no body": {func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusNoContent)
			if _, err := w.Write([]byte("a")); err == nil {
				w.Header().Set("X-Wrong", "1")
			}
		}, protocol.None, `{"status":204}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := ready(t, HTTPFunc(func(w http.ResponseWriter, _ *http.Request) { tc.handle(w) }))
			s.request(protocol.None, protocol.RequestMeta{Path: "/"}, "")
			f := s.expect(protocol.Response)
			if f.Kind != tc.kind || string(f.Meta) != tc.meta || string(f.Body) != tc.body || !f.Ended() {
				t.Errorf("kind %d, meta %s, body %q; want %d, %s, %q", f.Kind, f.Meta, f.Body, tc.kind, tc.meta, tc.body)
			}
		})
	}
}

func TestHTTPFlush(t *testing.T) {
	flushed := make(chan struct{})
	s := ready(t, HTTPFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		<-flushed
		_, _ = io.WriteString(w, "b")
	}))
	s.request(protocol.None, protocol.RequestMeta{Path: "/"}, "")
	s.expect(protocol.Response)
	if f := s.expect(protocol.Data); string(f.Body) != "a" {
		t.Errorf("first = %q", f.Body)
	}
	close(flushed)
	if f := s.expect(protocol.Data); string(f.Body) != "b" {
		t.Errorf("second = %q", f.Body)
	}
	if f := s.expect(protocol.Data); !f.Ended() {
		t.Error("the reply does not end")
	}
}

// A handler that dies after the head went out ends its reply as failed.
func TestHTTPPanicWithinReply(t *testing.T) {
	s := ready(t, HTTPFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		panic("broken")
	}))
	s.request(protocol.None, protocol.RequestMeta{Path: "/"}, "")
	s.expect(protocol.Response)
	s.expect(protocol.Fail)
}
