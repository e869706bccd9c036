//go:build e2e

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

package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// TestServer has a function that is a server of its own: it gets requests as they are, more than a handler's body may be.
func TestServer(t *testing.T) {
	s := newScenario(t)
	fn := s.awaitReady(s.create(test.NewPythonFunction(s.namespace, "server", `
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_PUT(self):
        size = len(self.rfile.read(int(self.headers["content-length"])))
        reply = ("%s %d" % (self.path, size)).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`)))
	const size = 20 << 20
	request, err := http.NewRequestWithContext(interrupted, http.MethodPut, fn.Status.URL.String()+"/files/7?a=1", strings.NewReader(strings.Repeat("z", size)))
	if err != nil {
		t.Fatal(err)
	}
	if response := s.do(request); response.Status != http.StatusCreated || response.Body != "/files/7?a=1 20971520" {
		t.Errorf("answer = %d %s", response.Status, response.Body)
	}
}

// TestWebSocket speaks with an ASGI application.
func TestWebSocket(t *testing.T) {
	s := newScenario(t)
	fn := s.awaitReady(s.create(test.NewPythonFunction(s.namespace, "socket", `
async def app(scope, receive, send):
    assert scope["type"] == "websocket"
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        await send({"type": "websocket.send", "text": "heard " + message["text"]})
`)))
	dialer := &websocket.Dialer{HandshakeTimeout: time.Minute}
	if ingress := os.Getenv(test.IngressVariable); ingress != "" {
		dialer.NetDialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, ingress)
		}
	}
	conn, response, err := dialer.DialContext(interrupted, "ws"+strings.TrimPrefix(fn.Status.URL.String(), "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer conn.Close()
	for _, text := range []string{"one", "two"} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.ReadMessage(); string(got) != "heard "+text {
			t.Errorf("message = %q, %v", got, err)
		}
	}
}

// TestObservabilityOfAFunction has the settings of spec.observability reach the function, whose own variables win.
func TestObservabilityOfAFunction(t *testing.T) {
	s := newScenario(t)
	fn := test.NewPythonFunction(s.namespace, "observed", "import os\ndef handler(event):\n    return os.environ['OTEL_TRACES_SAMPLER_ARG']\n")
	fn.Spec.Observability = &v1alpha1.ObservabilitySpec{
		Tracing: &v1alpha1.TracingSpec{SamplingRate: "0.5"},
		Metrics: &v1alpha1.MetricsSpec{Path: "/stats", Labels: map[string]string{"team": "a"}, Exemplars: ptr.Bool(false)},
	}
	fn = s.awaitReady(s.create(fn))
	s.wantText(fn, "0.5")
	request, err := http.NewRequestWithContext(interrupted, http.MethodGet, fn.Status.URL.String()+"/stats", nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = `knative_lambda_function_invocations_total{function="observed",namespace="`
	if response := s.do(request); !strings.Contains(response.Body, want) || !strings.Contains(response.Body, `team="a"`) {
		t.Errorf("metrics = %d %s", response.Status, response.Body)
	}
}
