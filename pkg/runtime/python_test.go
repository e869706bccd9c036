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
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

const asgiApp = `
import asyncio

started = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"]["n"] = 7
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        print("stopped")
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    headers = dict(scope["headers"])
    if path == "/raise":
        raise ValueError("broken")
    if path == "/nothing":
        return
    body = (await receive())["body"]
    if path == "/event":
        head = [(b"ce-specversion", b"1.0"), (b"ce-type", b"made"), (b"ce-source", b"/me"), (b"ce-id", b"8")]
        body = headers[b"ce-type"] + b" " + headers[b"content-type"] + b" " + body
    elif path == "/structured":
        head = [(b"content-type", b"application/cloudevents+json")]
        body = b'{"specversion":"1.0","type":"made","source":"/me","id":"8","data":1}'
    else:
        head = [(b"x-state", str(scope["state"]["n"]).encode()), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        body = b" ".join((scope["method"].encode(), scope["raw_path"], scope["query_string"], body))
    await send({"type": "http.response.start", "status": 202 if path == "/status" else 200, "headers": head})
    if path == "/stream":
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"z" * 10000, "more_body": True})
        await send({"type": "http.response.body"})
        return
    await send({"type": "http.response.body", "body": body})
`

const wsgiApp = `
import sys

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise ValueError("broken")
    status = "404 Not Found" if path == "/none" else "200 OK"
    write = start_response(status, [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    if path == "/stream":
        return (b"z" * 10000 for _ in range(100))
    if path == "/write":
        write(b"written ")
        return iter([b"and more"])
    body = environ["wsgi.input"].read()
    print("seen", file=environ["wsgi.errors"])
    return [" ".join((environ["REQUEST_METHOD"], path, environ["QUERY_STRING"], environ["CONTENT_LENGTH"],
                      environ.get("HTTP_CE_TYPE", "none"), environ.get("HTTP_X_ONE", ""))).encode() + b" " + body]
`

// TestPythonApps has applications of the web, which any server of them would run.
func TestPythonApps(t *testing.T) {
	long := strings.Repeat("z", 1000000)
	type row struct {
		path, body string
		header     []string
		status     int
		reply      string
		want       []string
	}
	for name, tc := range map[string]struct {
		code string
		rows []row
	}{
		"ASGI": {asgiApp, []row{
			{"/a%20b?q=1&q=2", "x", nil, 200, "POST /a%20b q=1&q=2 x", []string{"X-State", "7", "Set-Cookie", "a=1,b=2"}},
			{"/status", "{}", []string{"Content-Type", asJSON}, 202, "POST /status  {}", nil},
			{"/stream", "", nil, 200, long, nil},
			{"/raise", "", nil, 500, "", nil},
			{"/nothing", "", nil, 500, "", nil},
			{"/event", "{}", binary, 200, "order application/json {}", []string{"Ce-Type", "made", "Ce-Source", "/me", "Ce-Id", "8", "Ce-Repliedby", "ns/fn"}},
			{"/event", `{"specversion":"1.0","id":"7","type":"order","source":"/s","datacontenttype":"text/plain","data":"a"}`, []string{"Content-Type", "application/cloudevents+json"}, 200, "order text/plain a", []string{"Ce-Type", "made"}},
			{"/structured", "{}", binary, 200, "1", []string{"Ce-Type", "made", "Ce-Causationid", "7"}},
		}},
		"WSGI": {wsgiApp, []row{
			{"/a?q=1", "x", []string{"X-One", "1"}, 200, "POST /a q=1 1 none 1 x", []string{"Content-Type", "text/plain", "Set-Cookie", "a=1,b=2"}},
			{"/none", "", nil, 404, "POST /none  0 none  ", nil},
			{"/stream", "", nil, 200, long, []string{"Content-Type", "text/plain"}},
			{"/write", "", nil, 200, "written and more", nil},
			{"/raise", "", nil, 500, "", nil},
			{"/", "{}", binary, 200, "POST /  2 order  {}", []string{"Ce-Type", "io.knative.lambda.response.success"}},
		}},
		"application without a lifespan": {"async def app(scope, receive, send):\n    assert scope['type'] == 'http'\n    await send({'type': 'http.response.start', 'status': 200})\n    await send({'type': 'http.response.body', 'body': b'here'})\n", []row{
			{"/", "", nil, 200, "here", nil},
		}},
		"func, new": {`
def new():
    return Function()

class Function:
    def start(self, cfg):
        self.name = cfg["FUNCTION_NAME"]
    async def handle(self, scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [[b"content-type", b"text/plain"]]})
        await send({"type": "http.response.body", "body": self.name.encode()})
    def stop(self):
        print("stopped")
`, []row{{"/", "", nil, 200, "fn", []string{"Content-Type", "text/plain"}}}},
		"func, handle": {`
async def handle(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": (await receive())["body"]})
`, []row{{"/", "x", nil, 200, "x", nil}}},
		"ours, by the name of theirs": {"def handle(data, context):\n    return data['a']\n", []row{{"/", `{"a":1}`, []string{"Content-Type", asJSON}, 200, "1", nil}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := pythonOptions(t, folder(t, map[string]string{"main.py": tc.code}), "")
			f := serve(t, &o)
			for _, row := range tc.rows {
				resp, body := f.send(t, http.MethodPost, row.path, row.body, row.header...)
				if resp.StatusCode != row.status || row.status < 500 && body != row.reply {
					t.Errorf("%s: %d %.200q, want %d %.200q", row.path, resp.StatusCode, body, row.status, row.reply)
				}
				for i := 0; i < len(row.want); i += 2 {
					if got := strings.Join(resp.Header.Values(row.want[i]), ","); got != row.want[i+1] {
						t.Errorf("%s: %s = %q, want %q", row.path, row.want[i], got, row.want[i+1])
					}
				}
			}
			if strings.Contains(tc.code, "stopped") {
				if err := f.stop(); err != nil {
					t.Error("Run() =", err)
				}
				f.log.await(t, "stopped")
			}
		})
	}
}

func TestPythonAppsThatDoNotStart(t *testing.T) {
	for name, tc := range map[string]struct{ code, want string }{
		"lifespan": {"async def app(scope, receive, send):\n    await receive()\n    await send({'type': 'lifespan.startup.failed', 'message': 'no table'})\n", "RuntimeError: the application failed at its startup: no table"},
		"start":    {"class F:\n    async def start(self, cfg):\n        raise ValueError('no table')\n    async def handle(self, scope, receive, send):\n        pass\ndef new():\n    return F()\n", "ValueError: no table (main.py, line 3)"},
		"none":     {"x = 1\n", "LookupError: module 'main' has no function 'handler' or 'main'"},
	} {
		t.Run(name, func(t *testing.T) {
			o := pythonOptions(t, folder(t, map[string]string{"main.py": tc.code}), "")
			r, err := runtime.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Run(t.Context()); err == nil || !strings.HasSuffix(err.Error(), tc.want) {
				t.Errorf("Run() = %v, want %s", err, tc.want)
			}
		})
	}
}

// TestPythonPackages has functions for other runtimes, with the packages that those have.
func TestPythonPackages(t *testing.T) {
	for name, tc := range map[string]struct {
		requirement, handler, code, reply, ceType string
	}{
		"functions-framework, http": {
			"functions-framework==3.10.2", "main.hello",
			"import functions_framework\n\n@functions_framework.http\ndef hello(request):\n    return request.method + ' ' + str(request.get_json()['a'])\n",
			"POST 1", "io.knative.lambda.response.success",
		},
		"functions-framework, event": {
			"functions-framework==3.10.2", "main.hello",
			"import functions_framework\n\n@functions_framework.cloud_event\ndef hello(event):\n    print(event['type'], event.data['a'])\n",
			"OK", "io.knative.lambda.response.success",
		},
		"func, event": {
			"cloudevents==2.0.0", "",
			"from cloudevents.core.v1.event import CloudEvent\n\nasync def handle(scope, receive, send):\n    e = scope['event']\n    await send(CloudEvent({'specversion': '1.0', 'id': '8', 'type': 'made', 'source': '/me'}, {'was': e.get_type(), 'a': e.get_data()['a']}))\n",
			`{"was":"order","a":1}`, "made",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := pythonOptions(t, folder(t, map[string]string{"main.py": tc.code}), tc.handler)
			install := exec.CommandContext(t.Context(), "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", o.DepsDir, tc.requirement)
			if out, err := install.CombinedOutput(); err != nil {
				t.Skipf("%s cannot be had: %v\n%s", tc.requirement, err, out)
			}
			f := serve(t, &o)
			resp, body := f.send(t, http.MethodPost, "/", `{"a":1}`, binary...)
			if resp.StatusCode != http.StatusOK || body != tc.reply || resp.Header.Get("Ce-Type") != tc.ceType {
				t.Errorf("%d %q of %s, want %q of %s", resp.StatusCode, body, resp.Header.Get("Ce-Type"), tc.reply, tc.ceType)
			}
		})
	}
}

// TestPythonCancelledBeforeItBegins has a request come together with its cancellation: nothing of it runs, and its stream
// ends all the same.
func TestPythonCancelledBeforeItBegins(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3")
	}
	const program = `
import asyncio
from lambda_worker.loop import Call

class Worker:
    def __init__(self):
        self.streams, self.failed = {}, []

    def call(self, request):
        raise AssertionError("the handler is called")

    def fail(self, stream, error):
        self.failed.append((stream, type(error).__name__))

class Request:
    stream = 7

async def main():
    worker = Worker()
    call = worker.streams[7] = Call(worker, Request, asyncio.get_running_loop())
    call.cancel()
    await asyncio.wait([call.task])
    print(worker.failed, worker.streams)

asyncio.run(main())
`
	command := exec.CommandContext(t.Context(), "python3", "-c", program)
	command.Env = append(os.Environ(), "PYTHONPATH=workers/python")
	output, err := command.CombinedOutput()
	if want := "[(7, 'CancelledError')] {}\n"; err != nil || string(output) != want {
		t.Errorf("%v: %s, want %s", err, output, want)
	}
}
