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
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime/protocol"
)

func TestAppendRequestMeta(t *testing.T) {
	deadline := time.UnixMilli(1795486712345)
	parent := traceContext{traceID: someTrace, spanID: someSpan, sampled: true}
	for name, tc := range map[string]struct {
		request http.Request
		info    callInfo
		event   *protocol.Event
		want    protocol.RequestMeta
	}{
		"plain": {
			http.Request{Method: http.MethodGet, Host: "fn.ns", URL: &url.URL{Path: "/"}, Header: http.Header{}},
			callInfo{invocation: "i", correlation: "c", spanID: someSpan},
			nil,
			protocol.RequestMeta{Invocation: "i", Correlation: "c", SpanID: someSpan, Method: http.MethodGet, Path: "/", Headers: map[string]string{"host": "fn.ns"}},
		},
		"everything": {
			http.Request{
				Method: http.MethodPut, Host: "a\"b", URL: &url.URL{Path: "/é\n\\", RawQuery: "a=1&a=2&b=%22"},
				Header: http.Header{"Content-Type": {"text/plain"}, "X-Several": {"1", "2"}, "Traceparent": {"old"}, "Host": {"other"}, "X-Odd": {"\xff\t"}},
			},
			callInfo{invocation: "i", correlation: "c \"", traceID: someTrace, spanID: "00f067aa0ba902b8"},
			&protocol.Event{
				SpecVersion: "1.0", ID: "7", Type: "order", Source: "/s", Subject: "é", Time: "2026-01-02T03:04:05Z", DataSchema: "/d", DataContentType: "text/plain",
				Extensions: map[string]any{"a": "1", "b": true, "c": int32(7)},
			},
			protocol.RequestMeta{
				Invocation: "i", Correlation: "c \"", TraceID: someTrace, SpanID: "00f067aa0ba902b8", Method: "PUT", Path: "/é\n\\",
				Query:   map[string][]string{"a": {"1", "2"}, "b": {`"`}},
				Headers: map[string]string{"host": `a"b`, "content-type": "text/plain", "x-several": "1, 2", "traceparent": "00-" + someTrace + "-00f067aa0ba902b8-01", "x-odd": "\ufffd\t"},
				Event: &protocol.Event{
					SpecVersion: "1.0", ID: "7", Type: "order", Source: "/s", Subject: "é", Time: "2026-01-02T03:04:05Z", DataSchema: "/d", DataContentType: "text/plain",
					Extensions: map[string]any{"a": "1", "b": true, "c": 7.0},
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inv := &invocation{request: &tc.request, info: tc.info, deadline: deadline, span: &span{traceContext: parent}}
			var got protocol.RequestMeta
			text := appendRequestMeta(nil, inv, &input{event: tc.event})
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			tc.want.Deadline = deadline.UnixMilli()
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("unexpected meta (-want, +got): %s", diff)
			}
		})
	}
}

// FuzzAppendText has any text become JSON, and come back.
func FuzzAppendText(f *testing.F) {
	for _, seed := range []string{"", "a", "é", "\"\\\n", "\xff", "<>&", "\u2028\x7f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var back string
		if err := json.Unmarshal(appendText(nil, s), &back); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(s) && back != s || back != strings.ToValidUTF8(back, "") {
			t.Errorf("%q comes back as %q", s, back)
		}
	})
}

// FuzzFastEvent has any headers come: where they are read without the CloudEvents SDK, the event is what the SDK reads.
func FuzzFastEvent(f *testing.F) {
	f.Add("7", "order", "/s", "", "", "", "", "application/json")
	f.Add("7", "order", "/s", "42", "2026-01-02T03:04:05.5+02:00", "Shard", "a%20b", "")
	f.Add(" ", "order", "https://a/b?c#d", "é", "now", "Data", "", "text/plain; charset=utf-8")
	f.Add("7", "%", "a:b", "%zz", "2026-01-02T03:04:05Z", "Datacontenttype", "x", "a")
	f.Fuzz(func(t *testing.T, id, kind, source, subject, at, name, value, contentType string) {
		h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {id}, "Ce-Type": {kind}, "Ce-Source": {source}}
		for header, text := range map[string]string{"Ce-Subject": subject, "Ce-Time": at, "Ce-" + name: value, "Content-Type": contentType} {
			if text != "" {
				h.Set(header, text)
			}
		}
		for _, values := range h { // what the server lets through
			if strings.TrimSpace(values[0]) != values[0] || strings.ContainsAny(values[0], "\r\n\x00") {
				return
			}
		}
		got, ok := fastEvent(h)
		if !ok {
			return
		}
		want, err := sdkBinary(h, nil)
		if err != nil {
			t.Fatalf("the SDK refuses %v: %v", h, err)
		}
		if diff := cmp.Diff(want.event, got); diff != "" {
			t.Errorf("unexpected event of %v (-sdk, +fast): %s", h, diff)
		}
	})
}

func TestFastEvent(t *testing.T) {
	usual := func(more ...string) http.Header {
		return header(append([]string{"Ce-Specversion", "1.0", "Ce-Id", "7", "Ce-Type", "order", "Ce-Source", "/s"}, more...)...)
	}
	for name, tc := range map[string]struct {
		header http.Header
		fast   bool
	}{
		"usual":            {usual("Content-Type", "application/json", "Ce-Subject", "42", "Ce-Time", "2026-01-02T03:04:05Z", "Ce-Shard", "7"), true},
		"no content type":  {usual(), true},
		"other type":       {usual("Content-Type", "text/plain"), false},
		"schema":           {usual("Ce-Dataschema", "/d"), false},
		"odd extension":    {usual("Ce-Data-Type", "1"), false},
		"odd time":         {usual("Ce-Time", "now"), false},
		"odd source":       {usual("Ce-Source", "a b"), false},
		"older version":    {usual("Ce-Specversion", "0.3"), false},
		"empty subject":    {usual("Ce-Subject", ""), false},
		"a header twice":   {http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"7", "8"}, "Ce-Type": {"t"}, "Ce-Source": {"/s"}}, false},
		"without its id":   {header("Ce-Specversion", "1.0", "Ce-Type", "order", "Ce-Source", "/s"), false},
		"without a source": {header("Ce-Specversion", "1.0", "Ce-Id", "7", "Ce-Type", "order"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, fast := fastEvent(tc.header); fast != tc.fast {
				t.Errorf("fastEvent() = %v, want %v", fast, tc.fast)
			}
		})
	}
}

func TestNewID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := newID()
		if len(id) != 26 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" || seen[id] {
			t.Fatalf("%q is no id, or not the first of its kind", id)
		}
		seen[id] = true
	}
}
