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

package runtime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

func nodeOptions(t *testing.T, dir string) runtime.Options {
	t.Helper()
	return optionsOf(t, "nodejs", "index.handler", "node", dir)
}

func TestNodeReplies(t *testing.T) {
	o := nodeOptions(t, "testdata/nodejs")
	f := serve(t, &o)
	const (
		jsonType, textType, byteType = "application/json", "text/plain; charset=utf-8", "application/octet-stream"
		linesType                    = "application/x-ndjson"
	)
	for _, tt := range []struct {
		function string
		body     string
		bodyType string
		status   int
		mime     string
		want     string
	}{
		{"echo", `{"a":"é","b":[1,null]}`, jsonType, 200, jsonType, `{"a":"é","b":[1,null]}`},
		{"echo", "just text", "text/plain", 200, textType, "just text"},
		{"echo", "\x00\xff", byteType, 200, byteType, "\x00\xff"},
		{"echo", strings.Repeat("z", 3<<20), "text/plain", 200, textType, strings.Repeat("z", 3<<20)},
		{"echo", `{"undeclared":1}`, "", 200, jsonType, `{"undeclared":1}`},
		{"echo", `undeclared`, "", 200, textType, "undeclared"},
		{"echo", `{"broken":`, jsonType, 400, jsonType, ""},
		{"typeof", "\xff", "text/plain", 200, textType, "buffer"},
		{"typeof", "", "", 200, textType, "undefined"},
		{"defaults", "", "", 200, textType, "no data"},

		{"undefined", "", "", 204, "", ""},
		{"null", "", "", 204, "", ""},
		{"zero", "", "", 200, jsonType, "0"},
		{"number", "", "", 200, jsonType, "42"},
		{"false", "", "", 200, jsonType, "false"},
		{"empty", "", "", 200, textType, ""},
		{"text", "", "", 200, textType, "grüezi"},
		{"array", "", "", 200, jsonType, "[1,2]"},
		{"buffer", "", "", 200, byteType, "\x00\xff\x01"},
		{"typed", "", "", 200, byteType, "AB"},
		{"promise", "", "", 200, jsonType, `{"later":true}`},
		{"thenable", "", "", 200, textType, "thenned"},
		{"response", "", "", 201, jsonType, `{"made":true}`},
		{"base64", "", "", 200, "image/png", "\x00\x01\xff"},
		{"fetched", "", "", 202, "text/plain;charset=UTF-8", "made"},

		{"generator", "", "", 200, linesType, "{\"n\":1}\n{\"n\":2}\n"},
		{"asyncGenerator", "", "", 200, textType, "one two"},
		{"readable", "", "", 200, byteType, "one two"},
		{"webStream", "", "", 200, byteType, "from a blob"},
		{"large", "", "", 200, textType, strings.Repeat("é", 1<<20)},
		{"long", "", "", 200, byteType, strings.Repeat("z", 20<<20)},
	} {
		name := tt.function + " " + tt.bodyType
		if len(tt.body) < 100 {
			name += " " + tt.body
		}
		t.Run(name, func(t *testing.T) {
			resp, body := f.send(t, http.MethodPost, "/"+tt.function, tt.body, "Content-Type", tt.bodyType)
			if resp.StatusCode != tt.status {
				t.Fatalf("status = %d, want %d; body: %.200s", resp.StatusCode, tt.status, body)
			}
			if tt.status >= 400 {
				return
			}
			if got := resp.Header.Get("Content-Type"); got != tt.mime {
				t.Errorf("Content-Type = %q, want %q", got, tt.mime)
			}
			if body != tt.want {
				t.Errorf("body = %.100q (%d bytes), want %.100q (%d bytes)", body, len(body), tt.want, len(tt.want))
			}
		})
	}
	t.Run("headers", func(t *testing.T) {
		resp, _ := f.send(t, http.MethodGet, "/response", "")
		if got := resp.Header.Get("X-One"); got != "1" {
			t.Errorf("X-One = %q, want 1", got)
		}
		if diff := cmp.Diff([]string{"a=1", "b=2"}, resp.Header.Values("Set-Cookie")); diff != "" {
			t.Errorf("unexpected Set-Cookie (-want, +got): %s", diff)
		}
	})
}

func TestNodeErrors(t *testing.T) {
	o := nodeOptions(t, "testdata/nodejs")
	f := serve(t, &o)
	for _, tt := range []struct {
		function string
		status   int
		code     string
		message  string
	}{
		{"throw", 500, "HandlerError", "TypeError: boom"},
		{"reject", 500, "HandlerError", "Error: later boom"},
		{"throwText", 500, "HandlerError", "just a text"},
		{"throwUndefined", 500, "HandlerError", "undefined"},
		{"statusCode", 404, "HandlerError", "Error: no such thing"},
		{"status", 429, "HandlerError", "Error: slow down"},
		{"code", 500, "HandlerError", "Error: refused"},
		{"badStatus", 500, "HandlerError", "Error: odd"},
		{"timer", 500, "HandlerError", "Error: in a timer"},
		{"unhandled", 500, "HandlerError", "Error: nobody waits"},
		{"emptyStreamFails", 500, "HandlerError", "Error: before the first"},
		{"bigint", 500, "InvalidReply", "the handler returned what JSON cannot hold: Do not know how to serialize a BigInt"},
		{"function", 500, "InvalidReply", "the handler returned a function, which JSON cannot hold"},
		{"returnsStatus", 500, "InvalidReply", "the handler returned statusCode 99, which is not between 200 and 599"},
	} {
		t.Run(tt.function, func(t *testing.T) {
			resp, body := f.send(t, http.MethodPost, "/"+tt.function, "")
			var got struct {
				Error struct{ Code, Message string }
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("body = %q: %v", body, err)
			}
			if resp.StatusCode != tt.status || got.Error.Code != tt.code || got.Error.Message != tt.message {
				t.Errorf("got %d %s %q, want %d %s %q", resp.StatusCode, got.Error.Code, got.Error.Message, tt.status, tt.code, tt.message)
			}
			if strings.Contains(body, "index.js") {
				t.Errorf("body = %q, which has the stack", body)
			}
		})
	}
	stack := f.log.await(t, "Error: later boom").Stack
	if !strings.Contains(stack, "index.js") || !strings.Contains(stack, "Caused by: Error: the cause") || strings.Contains(stack, "lib/worker.js") {
		t.Errorf("stack = %s; want the user's frames and the cause", stack)
	}
}

func TestNodeContext(t *testing.T) {
	o := nodeOptions(t, "testdata/nodejs")
	f := serve(t, &o)
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, tt := range []struct {
		name   string
		header []string
		want   map[string]any
	}{{
		name:   "plain request",
		header: []string{"X-One", "1", "Content-Type", "text/plain", "X-Correlation-ID", "c-1", "Traceparent", "00-" + trace + "-" + span + "-01"},
		want: map[string]any{
			"extensions": map[string]any{}, "contentType": "text/plain", "method": "PUT", "path": "/context",
			"query": map[string]any{"q": "1", "r": []any{"2", "3"}}, "header": "1", "correlationId": "c-1",
			"traceId": trace, "spanId": span, "sameId": true, "deadline": true,
		},
	}, {
		name: "event",
		header: []string{
			"Ce-Specversion", "1.0", "Ce-Id", "e-1", "Ce-Type", "t", "Ce-Source", "/s", "Ce-Subject", "sub",
			"Ce-Time", "2026-01-02T03:04:05Z", "Ce-Dataschema", "https://example.com/schema", "Ce-Shard", "7", "Content-Type", "text/plain",
			"X-Correlation-ID", "c-1",
		},
		want: map[string]any{
			"id": "e-1", "type": "t", "source": "/s", "subject": "sub", "time": "2026-01-02T03:04:05Z",
			"dataSchema": "https://example.com/schema", "extensions": map[string]any{"shard": "7"},
			"contentType": "text/plain", "method": "PUT", "path": "/context",
			"query": map[string]any{"q": "1", "r": []any{"2", "3"}}, "correlationId": "c-1", "sameId": false, "deadline": true,
		},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := f.send(t, http.MethodPut, "/context?q=1&r=2&r=3", "data", tt.header...)
			got := map[string]any{}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
			}
			if got["sameId"] == true {
				delete(got, "id")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("unexpected context (-want, +got): %s", diff)
			}
		})
	}
}

func TestNodeEvents(t *testing.T) {
	o := nodeOptions(t, "testdata/nodejs")
	f := serve(t, &o)
	header := []string{"Ce-Specversion", "1.0", "Ce-Id", "e-1", "Ce-Type", "t", "Ce-Source", "/s", "Content-Type", "application/json"}
	for _, tt := range []struct {
		function, ceType, shard, body string
	}{
		{"number", "io.knative.lambda.response.success", "", "42"},
		{"event", "my.type", "5", `{"x":1}`},
		{"binaryEvent", "my.type", "", "\x00\x01\xff"},
	} {
		t.Run(tt.function, func(t *testing.T) {
			resp, body := f.send(t, http.MethodPost, "/"+tt.function, "{}", header...)
			if got := resp.Header.Get("Ce-Type"); got != tt.ceType {
				t.Errorf("type = %q, want %q", got, tt.ceType)
			}
			if got := resp.Header.Get("Ce-Shard"); got != tt.shard {
				t.Errorf("shard = %q, want %q", got, tt.shard)
			}
			if body != tt.body {
				t.Errorf("data = %q, want %q", body, tt.body)
			}
		})
	}
}

func TestNodeLog(t *testing.T) {
	o := nodeOptions(t, "testdata/nodejs")
	f := serve(t, &o)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	resp, body := f.send(t, http.MethodPost, "/log", "", "Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("status = %d: %s", resp.StatusCode, body)
	}
	id := f.log.await(t, "without an end").InvocationID
	if id == "" {
		t.Error("a line has no invocation")
	}
	for _, want := range []logLine{
		{Level: "INFO", Message: "first", Stream: "stdout"},
		{Level: "INFO", Message: "second", Stream: "stdout"},
		{Level: "INFO", Message: "to stderr", Stream: "stderr"},
		{Level: "INFO", Message: "logged 1", Fields: map[string]any{"order": 7.0}},
		{Level: "ERROR", Message: "it failed: RangeError: too far"},
		{Level: "INFO", Message: "without an end", Stream: "stdout"},
	} {
		want.InvocationID, want.TraceID = id, trace
		got := f.log.await(t, want.Message)
		if want.Level == "ERROR" && !strings.Contains(got.Stack, "index.js") {
			t.Errorf("stack = %q, which does not name the file", got.Stack)
		}
		got.Stack = ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("unexpected line (-want, +got): %s", diff)
		}
	}
	f.send(t, http.MethodPost, "/asyncGenerator", "")
	if got := f.log.await(t, "between items").InvocationID; got == "" {
		t.Error("a line of a stream has no invocation")
	}
	if _, body := f.send(t, http.MethodPost, "/circularLog", ""); body != "" {
		t.Errorf("body = %q", body)
	}
	if got := f.log.await(t, "round").Level; got != "WARN" {
		t.Errorf("level = %q, want WARN", got)
	}
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	for _, line := range f.log.lines {
		if line.Message == "not shown" {
			t.Error("a line of level DEBUG is in the log")
		}
	}
}

func TestNodeCancellation(t *testing.T) {
	o := nodeOptions(t, "testdata/nodejs")
	f := serve(t, &o)
	for _, tt := range []struct{ function, began, ended string }{
		{"aborted", "waiting", "aborted"},
		{"endless", "", "closed"},
	} {
		t.Run(tt.function, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/"+tt.function, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.began != "" {
				go func() {
					f.log.await(t, tt.began)
					cancel()
				}()
			}
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				if _, err := io.ReadFull(resp.Body, make([]byte, 20)); err != nil {
					t.Error("failed to read the stream:", err)
				}
				cancel()
				_ = resp.Body.Close()
			} else if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if line := f.log.await(t, tt.ended); line.InvocationID == "" {
				t.Error("the line has no invocation")
			}
		})
	}
}

func TestNodeWorkerDies(t *testing.T) {
	o := nodeOptions(t, "testdata/nodejs")
	f := serve(t, &o)
	if resp, body := f.send(t, http.MethodPost, "/exit", ""); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("status = %d, want 502: %s", resp.StatusCode, body)
	}
	// It is replaced; until then requests may still be given to it.
	for {
		if _, body := f.send(t, http.MethodPost, "/number", ""); body == "42" || t.Failed() {
			return
		}
	}
}

func TestNodeWorkerHangs(t *testing.T) {
	o := nodeOptions(t, "testdata/nodejs")
	o.Timeout, o.CancelGrace = 2*time.Second, 100*time.Millisecond
	f := serve(t, &o)
	f.send(t, http.MethodPost, "/number", "") // else the time to start counts
	if resp, body := f.send(t, http.MethodPost, "/spin", ""); resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("status = %d, want 504: %s", resp.StatusCode, body)
	}
}

func TestNodeHandlers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler string
		files   map[string]string
		want    string
	}{
		{"named", "index.greet", map[string]string{"index.js": "exports.greet = () => 'greet'; exports.handler = () => 'handler'"}, "greet"},
		{"handler", "index.other", map[string]string{"index.js": "exports.main = () => 'main'; exports.handler = () => 'handler'"}, "handler"},
		{"main", "", map[string]string{"index.js": "exports.parse = () => 'parse'; exports.main = () => 'main'"}, "main"},
		{"parse", "", map[string]string{"index.js": "exports.parse = () => 'parse'"}, "parse"},
		{"bare function", "", map[string]string{"index.js": "module.exports = async () => 'bare'"}, "bare"},
		{"no module", "greet", map[string]string{"index.js": "exports.greet = () => 'greet'"}, "greet"},
		{"method", "", map[string]string{"index.js": "module.exports = new (class { name = 'this'; handler() { return this.name } })()"}, "this"},
		{"other file", "api.handler", map[string]string{"api.js": "exports.handler = () => require('./lib/text')", "lib/text.js": "module.exports = 'text'"}, "text"},
		{"file in a folder", "src.api.handler", map[string]string{"src/api.js": "exports.handler = () => 'in a folder'"}, "in a folder"},
		{"folder", "api.handler", map[string]string{"api/index.js": "exports.handler = () => 'folder'"}, "folder"},
		{"main of package.json", "", map[string]string{"package.json": `{"main": "src/app.js"}`, "src/app.js": "exports.handler = () => 'app'"}, "app"},
		{"dependency", "", map[string]string{"index.js": "exports.handler = require('dep')", "node_modules/dep/index.js": "module.exports = () => 'dep'"}, "dep"},
		{".cjs", "", map[string]string{"index.cjs": "exports.handler = () => 'cjs'"}, "cjs"},
		{"module", "", map[string]string{"index.mjs": "import fs from 'node:fs'; export const handler = () => typeof fs.readFile"}, "function"},
		{"module by default", "", map[string]string{"index.mjs": "export default () => 'default'"}, "default"},
		{"module with a default object", "", map[string]string{"index.mjs": "export default { handler: () => 'object' }"}, "object"},
		{"module by package.json", "", map[string]string{"package.json": `{"type": "module"}`, "index.js": "import { text } from './text.js'; export const handler = () => text", "text.js": "export const text = 'text'"}, "text"},
		{"module that awaits", "", map[string]string{"index.mjs": "const text = await Promise.resolve('awaited'); export const handler = () => text"}, "awaited"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := nodeOptions(t, folder(t, tt.files))
			o.Handler = tt.handler
			f := serve(t, &o)
			if resp, body := f.send(t, http.MethodPost, "/", ""); body != tt.want {
				t.Errorf("got %d %q, want %q", resp.StatusCode, body, tt.want)
			}
		})
	}
}

// TestNodeFunc has functions that were written for Knative's func.
func TestNodeFunc(t *testing.T) {
	event := []string{"Ce-Specversion", "1.0", "Ce-Id", "e-1", "Ce-Type", "t", "Ce-Source", "/s", "Ce-Shard", "7"}
	for _, tt := range []struct {
		name   string
		code   string
		header []string
		status int
		want   string
	}{
		{"data", "const handle = async (context, data) => ({ data, body: context.body, method: context.method }); module.exports = { handle };", nil, 200, `{"data":{"a":1},"body":{"a":1},"method":"POST"}`},
		{"context", "exports.handle = (context) => { context.log.info({ a: 1 }, 'seen'); return context.query.q + context.rawBody + context.headers['content-type'] };", nil, 200, `1{"a":1}application/json`},
		{"event", "exports.handle = async (context, event) => `${event.type} ${event.shard} ${event.data.a} ${context.cloudevent.id}`;", event, 200, "t 7 1 e-1"},
		{"event that answers", "exports.handle = (context, event) => context.cloudEventResponse({ b: 2 }).id('r').type('reply').source('/r').response();", event, 200, `{"b":2}`},
		{"function alone", "module.exports = async function (context, data) { return context.method + data.a };", nil, 200, "POST1"},
		{"init", "let n = 0; module.exports = { init: async () => { n = 7 }, handle: () => n };", nil, 200, "7"},
		{"code of an error", "exports.handle = () => { throw Object.assign(new Error('gone'), { code: 410 }) };", nil, 410, ""},
		{"code in words", "exports.handle = () => { throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) };", nil, 500, ""},
		{"ours by that name, alone", "exports.handle = async data => data.a;", nil, 200, "1"},
		{"method", "module.exports = new (class { n = 5; async handle(context, data) { return context.method + this.n + data.a } })()", nil, 200, "POST51"},
		{"ours by that name", "exports.handle = (data, context) => data.a + context.method;", nil, 200, "1POST"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := nodeOptions(t, folder(t, map[string]string{"index.js": tt.code}))
			f := serve(t, &o)
			resp, body := f.send(t, http.MethodPost, "/?q=1", `{"a":1}`, append(tt.header, "Content-Type", "application/json")...)
			if resp.StatusCode != tt.status || tt.want != "" && body != tt.want {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, body, tt.status, tt.want)
			}
		})
	}
	t.Run("shutdown", func(t *testing.T) {
		o := nodeOptions(t, folder(t, map[string]string{"index.js": "module.exports = { handle: () => 1, shutdown: () => console.log('shut down') };"}))
		// The function ends with the inner test.
		t.Run("serve", func(t *testing.T) { serve(t, &o).send(t, http.MethodGet, "/", "") })
		o.Output.(*functionLog).await(t, "shut down")
	})
}

func TestNodeTypeScript(t *testing.T) {
	dir := folder(t, map[string]string{"index.ts": "interface Order { id: number }\nexport const handler = (order: Order): number => order.id\n"})
	o := nodeOptions(t, dir)
	out, err := exec.CommandContext(t.Context(), "node", "--print", "Boolean(process.features.typescript)").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(out)) == "false" {
		r, err := runtime.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "does not run TypeScript: take 22.18 or newer, or compile index.ts") {
			t.Errorf("Run() = %v, want to be told what to do", err)
		}
		return
	}
	f := serve(t, &o)
	if resp, body := f.send(t, http.MethodPost, "/", `{"id": 7}`, "Content-Type", "application/json"); body != "7" {
		t.Errorf("got %d %q, want 7", resp.StatusCode, body)
	}
}

func TestNodeLoadErrors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		handler string
		files   map[string]string
		want    string
	}{
		{"missing module", "index.handler", map[string]string{"index.js": "// x\n\nconst x = require('x');\n"}, `"index.handler": Error: Cannot find module 'x' (index.js, line 3)`},
		{"missing package of a module", "index.handler", map[string]string{"index.mjs": "\nimport x from 'x';\n"}, `"index.handler": Error: Cannot find package 'x' (index.mjs, line 2)`},
		{"missing file of a module", "index.handler", map[string]string{"index.mjs": "\nimport x from './lib/x.mjs';\n"}, `"index.handler": Error: Cannot find module 'lib/x.mjs' (index.mjs, line 2)`},
		{"missing file of the handler", "api.handler", map[string]string{"index.js": ""}, `"api.handler": Error: there is no file api.js, api.mjs, api.cjs, api.ts, api.mts or api.cts`},
		{"no function", "index.greet", map[string]string{"index.js": "exports.x = 1"}, `"index.greet": Error: module 'index' exports no function 'greet', 'handler', 'main' or 'parse', and is none`},
		{"syntax", "index.handler", map[string]string{"index.js": "\nconst = 1;\n"}, `"index.handler": SyntaxError: Unexpected token '=' (index.js, line 2)`},
		{"syntax of a module", "index.handler", map[string]string{"index.mjs": "\nconst = 1;\n"}, `"index.handler": SyntaxError: Unexpected token '=' (index.mjs, line 2)`},
		{"import of nothing", "index.handler", map[string]string{"index.mjs": "import { x } from './y.mjs';\n", "y.mjs": ""}, `"index.handler": SyntaxError: The requested module './y.mjs' does not provide an export named 'x' (index.mjs, line 1)`},
		{"throws", "index.handler", map[string]string{"index.js": "require('./lib');\n", "lib.js": "\n\nthrow new TypeError('at\\nload');\n"}, `"index.handler": TypeError: at load (lib.js, line 3)`},
		{"throws a text", "index.handler", map[string]string{"index.js": "throw 'a text';\n"}, `"index.handler": a text`},
		{"throws later", "index.handler", map[string]string{"index.mjs": "setTimeout(() => { throw new Error('later') }, 1);\nawait new Promise((resolve) => setTimeout(resolve, 60000));\n"}, `"index.handler": Error: later (index.mjs, line 1)`},
		{"exits", "index.handler", map[string]string{"index.js": "\nprocess.exit(0);\n"}, `"index.handler": Error: the code ended the process with status 0 (index.js, line 2)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := nodeOptions(t, folder(t, tt.files))
			o.Handler, o.TerminationLog = tt.handler, filepath.Join(t.TempDir(), "termination")
			r, err := runtime.New(o)
			if err != nil {
				t.Fatal(err)
			}
			want := "cannot load handler " + tt.want
			if err := r.Run(t.Context()); err == nil || err.Error() != want {
				t.Errorf("Run() = %v, want %s", err, want)
			}
			said, err := os.ReadFile(o.TerminationLog)
			if err != nil || string(bytes.TrimSpace(said)) != want {
				t.Errorf("termination message = %q, %v", said, err)
			}
		})
	}
}

const nodeServer = `
const http = require('http');
exports.app = http.createServer(async (req, res) => {
  console.log('served', req.url);
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  switch (req.url) {
    case '/throw':
      throw new Error('broken');
    case '/stream':
      for (let i = 0; i < 100; i++) res.write('z'.repeat(10000));
      res.end();
      break;
    case '/event':
      res.setHeader('ce-specversion', '1.0').setHeader('ce-type', 'made').setHeader('ce-source', '/me').setHeader('ce-id', '8');
      res.setHeader('content-type', 'text/plain').end(req.headers['ce-type'] + ' ' + req.headers['content-type'] + ' ' + body);
      break;
    case '/structured':
      res.setHeader('content-type', 'application/cloudevents+json; charset=utf-8');
      res.end('{"specversion":"1.0","type":"made","source":"/me","id":"8","data":1}');
      break;
    case '/none':
      res.writeHead(404).end();
      break;
    default:
      res.setHeader('set-cookie', ['a=1', 'b=2']);
      res.end([req.method, req.url, req.headers['x-one'], req.headers['x-lambda-call'], body].join(' '));
  }
});`

// TestNodeServers has servers, which are given requests as they came.
func TestNodeServers(t *testing.T) {
	o := nodeOptions(t, folder(t, map[string]string{"index.js": nodeServer}))
	f := serve(t, &o)
	for _, tt := range []struct {
		path, body string
		header     []string
		status     int
		want       string
		wantHeader []string
	}{
		{"/a%20b%3F?q=1&q=2", "x", []string{"X-One", "1"}, 200, "POST /a%20b%3F?q=1&q=2 1  x", []string{"Set-Cookie", "a=1,b=2"}},
		{"/none", "", nil, 404, "", nil},
		{"/stream", "", nil, 200, strings.Repeat("z", 1000000), nil},
		{"/event", "{}", binary, 200, "order application/json {}", []string{"Ce-Type", "made", "Content-Type", "text/plain"}},
		{"/event", `{"specversion":"1.0","id":"7","type":"order","source":"/s","datacontenttype":"text/plain","data":"a"}`, []string{"Content-Type", "application/cloudevents+json"}, 200, "order text/plain a", []string{"Ce-Type", "made"}},
		{"/structured", "{}", binary, 200, "1", []string{"Ce-Type", "made", "Ce-Causationid", "7"}},
		{"/throw", "", nil, 500, `{"error":{"code":"HandlerError","message":"Error: broken","retryable":true}}`, nil},
	} {
		t.Run(tt.path, func(t *testing.T) {
			resp, body := f.send(t, http.MethodPost, tt.path, tt.body, tt.header...)
			if resp.StatusCode != tt.status || body != tt.want {
				t.Errorf("got %d %.100q, want %d %.100q", resp.StatusCode, body, tt.status, tt.want)
			}
			for i := 0; i < len(tt.wantHeader); i += 2 {
				if got := strings.Join(resp.Header.Values(tt.wantHeader[i]), ","); got != tt.wantHeader[i+1] {
					t.Errorf("%s = %q, want %q", tt.wantHeader[i], got, tt.wantHeader[i+1])
				}
			}
		})
	}
	if f.log.await(t, "served /stream").InvocationID == "" {
		t.Error("the line has no invocation")
	}
}

// TestNodePackages has functions and applications for other runtimes, with the packages that those have.
func TestNodePackages(t *testing.T) {
	const framework = "@google-cloud/functions-framework@5.0.5"
	for _, tt := range []struct{ name, requirement, code, want string }{
		{"functions-framework, http", framework, "require('@google-cloud/functions-framework').http('handler', (req, res) => res.send(req.method + ' ' + req.body.a));", "POST 1"},
		{"functions-framework, event", framework, "require('@google-cloud/functions-framework').cloudEvent('handler', async (event) => ({ was: event.type, a: event.data.a }));", `{"was":"order","a":1}`},
		{"functions-framework beside a handler", framework, "require('@google-cloud/functions-framework'); exports.handler = (data) => data.a;", "1"},
		{"Express", "express@5.2.1", "const app = require('express')(); app.post('/', (req, res) => res.send('express ' + req.get('ce-type'))); module.exports = app;", "express order"},
		{"Koa", "koa@3.0.1", "const app = new (require('koa'))(); app.use((ctx) => { ctx.body = 'koa ' + ctx.get('ce-id') }); exports.app = app;", "koa 7"},
		{"Fastify", "fastify@5.6.1", "const app = require('fastify')(); app.post('/', async (req) => ({ a: req.body.a })); exports.handler = app;", `{"a":1}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := nodeOptions(t, folder(t, map[string]string{"index.js": tt.code}))
			install := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--no-save", tt.requirement)
			install.Dir = o.FunctionDir
			if out, err := install.CombinedOutput(); err != nil {
				t.Skipf("%s cannot be had: %v\n%s", tt.requirement, err, out)
			}
			f := serve(t, &o)
			if resp, body := f.send(t, http.MethodPost, "/", `{"a":1}`, binary...); resp.StatusCode != http.StatusOK || body != tt.want {
				t.Errorf("got %d %q, want %q", resp.StatusCode, body, tt.want)
			}
		})
	}
}
