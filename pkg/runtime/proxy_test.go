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
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

// servers are functions that are servers of their own, and do the same.
var servers = map[string]func(*testing.T) runtime.Options{
	"python": func(t *testing.T) runtime.Options { return pythonOptions(t, "testdata/servers/python", "") },
	"nodejs": func(t *testing.T) runtime.Options { return nodeOptions(t, "testdata/servers/nodejs") },
}

func eachServer(t *testing.T, change func(*runtime.Options), test func(t *testing.T, f *function)) {
	t.Helper()
	for name, options := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			if change != nil {
				change(&o)
			}
			test(t, serve(t, &o))
		})
	}
}

func TestServers(t *testing.T) {
	change := func(o *runtime.Options) { o.MaxBodyBytes, o.Timeout = 1<<10, 5*time.Second }
	eachServer(t, change, func(t *testing.T, f *function) {
		// The first one comes before it is known that there is a server, and is longer than what is held in memory.
		if resp, body := f.send(t, http.MethodPost, "/upload", strings.Repeat("z", 3<<20)); body != "3145728" {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		host := strings.TrimPrefix(f.url, "http://")
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			resp, body := f.send(t, method, "/about?a=1&b=%20", "", "X-Correlation-Id", "c-1", "Traceparent", goTrace)
			want := fmt.Sprintf("%s /about?a=1&b=%%20 %s c-1 %s", method, host, goTrace)
			if resp.StatusCode != http.StatusCreated || body != want || resp.Header.Get("X-Correlation-ID") != "c-1" {
				t.Errorf("%d %s %v, want %s", resp.StatusCode, body, resp.Header, want)
			}
		}
		if resp, body := f.send(t, http.MethodGet, "/none", "", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c"); resp.StatusCode != http.StatusNotFound || body != "none" {
			t.Errorf("%d %s", resp.StatusCode, body)
		}
		if resp, _ := f.send(t, http.MethodGet, "/health", ""); resp.StatusCode != http.StatusOK {
			t.Errorf("the probe is answered %d", resp.StatusCode)
		}
		if _, body := f.send(t, http.MethodGet, "/stream?100", ""); len(body) != 100*64<<10 {
			t.Errorf("%d bytes came", len(body))
		}
		if resp, body, err := f.try(t.Context(), http.MethodGet, "/half", ""); err == nil {
			t.Errorf("half an answer came as %d %s", resp.StatusCode, body)
		}
		if resp, body := f.send(t, http.MethodGet, "/wait", ""); resp.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, `"Timeout"`) {
			t.Errorf("%d %s, want 504", resp.StatusCode, body)
		}
		_, metrics := f.send(t, http.MethodGet, "/metrics", "")
		for _, want := range []string{`status="success"} 9`, `status="error"} 2`, `error_type="Timeout"} 1`, `error_type="WorkerDied"} 1`} {
			if !strings.Contains(metrics, want) {
				t.Errorf("there is no %s in\n%s", want, metrics)
			}
		}
		if err := f.stop(); err != nil {
			t.Error("Run() =", err)
		}
		f.log.await(t, "told to go")
	})
}

// The first piece of a body comes before the last one is sent, both ways.
func TestServersStream(t *testing.T) {
	eachServer(t, nil, func(t *testing.T, f *function) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/stream?2", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, resp.Body)
		if err != nil || n != 2*64<<10 || resp.ContentLength >= 0 {
			t.Errorf("%d bytes of %d came: %v", n, resp.ContentLength, err)
		}
		read, write := io.Pipe()
		req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/upload", read)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for range 64 {
				if _, err := write.Write(make([]byte, 1<<20)); err != nil {
					t.Error(err)
				}
			}
			_ = write.Close()
		}()
		up, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer up.Body.Close()
		if body, err := io.ReadAll(up.Body); string(body) != "67108864" {
			t.Errorf("%s %v", body, err)
		}
	})
}

func TestServerIsKilled(t *testing.T) {
	eachServer(t, nil, func(t *testing.T, f *function) {
		resp, body := f.send(t, http.MethodGet, "/kill", "")
		if resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, `"WorkerDied"`) || !strings.Contains(body, `"retryable":true`) {
			t.Errorf("%d %s, want 502", resp.StatusCode, body)
		}
		f.log.await(t, "the worker was killed by signal 9")
		if resp, body := f.send(t, http.MethodGet, "/about", ""); resp.StatusCode != http.StatusCreated {
			t.Errorf("%d %s from the next one", resp.StatusCode, body)
		}
	})
}

func TestServerOverload(t *testing.T) {
	change := func(o *runtime.Options) { o.Concurrency, o.Queue = 1, 1 }
	eachServer(t, change, func(t *testing.T, f *function) {
		f.send(t, http.MethodGet, "/about", "") // else all wait for the start
		var served, refused atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				resp, body, err := f.try(t.Context(), http.MethodGet, "/sleep", "")
				switch {
				case body == "slept":
					served.Add(1)
				case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "":
					refused.Add(1)
				default:
					t.Errorf("%d %s %v", resp.StatusCode, body, err)
				}
			})
		}
		all.Wait()
		if served.Load() == 0 || refused.Load() == 0 {
			t.Errorf("%d were served and %d refused, want some of both", served.Load(), refused.Load())
		}
	})
}

// Whatever a server has accepted when it is told to go is answered.
func TestServerShutdownUnderLoad(t *testing.T) {
	eachServer(t, nil, func(t *testing.T, f *function) {
		stop, enough := make(chan struct{}), make(chan struct{})
		var served atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					resp, body, err := f.try(context.Background(), http.MethodPost, "/about", "x")
					switch {
					case err == nil && resp.StatusCode == http.StatusCreated:
						if served.Add(1) == 200 {
							close(enough)
						}
					case refused(err):
					default:
						t.Errorf("an accepted request was lost: %d %q %v", resp.StatusCode, body, err)
					}
				}
			})
		}
		<-enough
		if err := f.stop(); err != nil {
			t.Error("Run() =", err)
		}
		close(stop)
		all.Wait()
		if t.Failed() {
			t.Log(f.log.lines)
		}
	})
}

// A server that never listens, and one that dies, say why.
func TestServersThatDoNotStart(t *testing.T) {
	for name, tc := range map[string]struct{ code, want string }{
		"no server":  {"import threading\nthreading.Timer(0.05, lambda: None).start()\n", "has no function 'handler' or 'main'"},
		"wrong port": {"import os\nos.environ['LAMBDA_APP_PORT'] = '1'\n", "has no function 'handler' or 'main'"},
		"dies":       {"raise SystemExit(3)\n", "SystemExit: 3"},
	} {
		t.Run(name, func(t *testing.T) {
			o := pythonOptions(t, folder(t, map[string]string{"main.py": tc.code}), "")
			r, err := runtime.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Run() = %v, want %s", err, tc.want)
			}
		})
	}
}

// upgrade opens a connection that becomes something else, and returns what is read from it.
func upgrade(t *testing.T, url, to string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %s\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n", to)
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return conn, reader, resp
}

// TestUpgrade has connections that become something else: with servers that are exported, that listen themselves, and
// with handlers of net/http.
func TestUpgrade(t *testing.T) {
	exported := `
const http = require('http');
const server = http.createServer((_, response) => response.end('plain'));
server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: ' + request.headers.upgrade + '\r\nConnection: Upgrade\r\n\r\n');
  socket.pipe(socket);
});
exports.handler = server;
`
	for name, options := range map[string]func(*testing.T) runtime.Options{
		"nodejs, exported": func(t *testing.T) runtime.Options {
			return nodeOptions(t, folder(t, map[string]string{"index.js": exported}))
		},
		"nodejs, its own": servers["nodejs"],
		"go":              func(t *testing.T) runtime.Options { return goOptions(t, "web", "main.Handler") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			f := serve(t, &o)
			conn, reader, resp := upgrade(t, f.url, "echo") //nolint:bodyclose // upgrade closes it
			if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != "echo" {
				t.Fatalf("%d %v", resp.StatusCode, resp.Header)
			}
			for _, text := range []string{"one\n", strings.Repeat("z", 1<<20) + "\n"} {
				go func() { _, _ = io.WriteString(conn, text) }()
				if back, err := reader.ReadString('\n'); back != text {
					t.Fatalf("%d bytes came back: %v", len(back), err)
				}
			}
			// It does not outlive the function.
			if err := f.stop(); err != nil {
				t.Error("Run() =", err)
			}
			if _, err := reader.ReadByte(); err == nil {
				t.Error("the connection outlives the function")
			}
		})
	}
}

// A function without a server has no connections that become something else.
func TestUpgradeOfHandlers(t *testing.T) {
	eachWorker(t, nil, func(t *testing.T, f *function) {
		_, _, resp := upgrade(t, f.url, "websocket") //nolint:bodyclose // upgrade closes it
		if resp.StatusCode != http.StatusNoContent {
			t.Errorf("%d, want the handler's answer", resp.StatusCode)
		}
	})
}

const socketApp = `
async def app(scope, receive, send):
    if scope["type"] != "websocket":
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"plain"})
        return
    assert (await receive())["type"] == "websocket.connect"
    path = scope["path"]
    if path == "/refuse":
        await send({"type": "websocket.close"})
        return
    if path == "/nothing":
        return
    if path == "/raise at once":
        raise ValueError("at once")
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0], "headers": [(b"x-query", scope["query_string"])]})
    if path == "/raise":
        raise ValueError("broken")
    if path == "/close":
        await send({"type": "websocket.close", "code": 4000, "reason": "enough"})
        return
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            print("disconnected with", message["code"], message.get("reason", ""))
            return
        del message["type"]
        await send(dict(message, type="websocket.send"))
`

func dial(t *testing.T, f *function, path string) *websocket.Conn {
	t.Helper()
	dialer := &websocket.Dialer{Subprotocols: []string{"a", "b"}, WriteBufferSize: 1 << 10, HandshakeTimeout: time.Minute}
	conn, resp, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(f.url, "http")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// closed reads until the connection is closed, and checks how.
func closed(t *testing.T, conn *websocket.Conn, code int, reason string) {
	t.Helper()
	for {
		_, _, err := conn.ReadMessage()
		if err == nil {
			continue
		}
		var how *websocket.CloseError
		if !asClose(err, &how) || how.Code != code || how.Text != reason {
			t.Errorf("closed with %v, want %d %q", err, code, reason)
		}
		return
	}
}

func asClose(err error, how **websocket.CloseError) bool {
	e, ok := err.(*websocket.CloseError) //nolint:errorlint // the library returns it as it is
	*how = e
	return ok
}

func TestWebSockets(t *testing.T) {
	o := pythonOptions(t, folder(t, map[string]string{"main.py": socketApp}), "")
	f := serve(t, &o)
	if resp, body := f.send(t, http.MethodGet, "/", ""); body != "plain" {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	if resp, body := f.send(t, http.MethodGet, "/", "", "Connection", "Upgrade, HTTP2-Settings", "Upgrade", "h2c"); body != "plain" {
		t.Errorf("an offer of HTTP/2 is answered %d %s", resp.StatusCode, body)
	}
	t.Run("echo", func(t *testing.T) {
		conn := dial(t, f, "/echo?a=1")
		if conn.Subprotocol() != "a" {
			t.Errorf("subprotocol = %q", conn.Subprotocol())
		}
		for _, message := range []struct {
			kind int
			text string
		}{
			{websocket.TextMessage, "grüezi"},
			{websocket.TextMessage, ""},
			{websocket.BinaryMessage, "\x00\xff"},
			{websocket.BinaryMessage, strings.Repeat("z", 126)},
			{websocket.BinaryMessage, strings.Repeat("z", 1<<20)}, // longer than the buffer: it comes in fragments
		} {
			if err := conn.WriteMessage(message.kind, []byte(message.text)); err != nil {
				t.Fatal(err)
			}
			kind, text, err := conn.ReadMessage()
			if kind != message.kind || string(text) != message.text {
				t.Fatalf("%d %.20q (%d bytes) %v came back", kind, text, len(text), err)
			}
		}
		ponged := make(chan string, 1)
		conn.SetPongHandler(func(text string) error { ponged <- text; return nil })
		if err := conn.WriteControl(websocket.PingMessage, []byte("ping"), time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if err := conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "done"), time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		closed(t, conn, 4001, "")
		if got := <-ponged; got != "ping" {
			t.Errorf("pong = %q", got)
		}
		f.log.await(t, "disconnected with 4001 done")
	})
	t.Run("close by the application", func(t *testing.T) { closed(t, dial(t, f, "/close"), 4000, "enough") })
	t.Run("error", func(t *testing.T) {
		closed(t, dial(t, f, "/raise"), websocket.CloseInternalServerErr, "")
		f.log.await(t, "ValueError: broken")
	})
	for path, status := range map[string]int{"/refuse": 403, "/nothing": 500, "/raise%20at%20once": 500} {
		t.Run(path, func(t *testing.T) {
			_, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(f.url, "http")+path, nil)
			if err == nil || resp == nil || resp.StatusCode != status {
				t.Errorf("%v %v, want %d", resp, err, status)
			}
			if resp != nil {
				_ = resp.Body.Close()
			}
		})
	}
	// Each is what RFC 6455 has a server close a connection for.
	for name, tc := range map[string]struct {
		frame string
		code  int
	}{
		"not masked":                  {"\x81\x01a", websocket.CloseProtocolError},
		"reserved bits":               {"\xf1\x81\x00\x00\x00\x00a", websocket.CloseProtocolError},
		"unknown kind":                {"\x83\x81\x00\x00\x00\x00a", websocket.CloseProtocolError},
		"nothing to continue":         {"\x80\x81\x00\x00\x00\x00a", websocket.CloseProtocolError},
		"ping that is too long":       {"\x89\xfe\x01\x00\x00\x00\x00\x00", websocket.CloseProtocolError},
		"ping in pieces":              {"\x09\x80\x00\x00\x00\x00", websocket.CloseProtocolError},
		"text that is none":           {"\x81\x81\x00\x00\x00\x00\xff", websocket.CloseInvalidFramePayloadData},
		"message that is too large":   {"\x82\xff\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00", websocket.CloseMessageTooBig},
		"close without a reason":      {"\x88\x80\x00\x00\x00\x00", websocket.CloseNormalClosure},
		"a new one before the end of": {"\x01\x81\x00\x00\x00\x00a\x81\x81\x00\x00\x00\x00a", websocket.CloseProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, f, "/echo")
			if _, err := io.WriteString(conn.NetConn(), tc.frame); err != nil {
				t.Fatal(err)
			}
			_, _, err := conn.ReadMessage()
			var how *websocket.CloseError
			if !asClose(err, &how) || how.Code != tc.code {
				t.Errorf("closed with %v, want %d", err, tc.code)
			}
		})
	}
	t.Run("the function goes", func(t *testing.T) {
		conn := dial(t, f, "/echo")
		go func() {
			if err := f.stop(); err != nil {
				t.Error("Run() =", err)
			}
		}()
		closed(t, conn, websocket.CloseGoingAway, "")
		f.log.await(t, "disconnected with")
	})
}

// Whatever a server says of its event, its function's own trigger must know it again.
func TestServersReply(t *testing.T) {
	const code = `
const replies = {
  '/binary': [{ 'ce-specversion': '1.0', 'ce-id': '8', 'ce-type': 'made', 'ce-source': '/me', 'ce-repliedby': 'other' }, '1'],
  '/structured': [{ 'content-type': 'application/cloudevents+json' }, '{"specversion":"1.0","id":"8","repliedby":"other"}'],
  '/batch': [{ 'content-type': 'application/cloudevents-batch+json' }, '[{"id":"8"},{"id":"9","repliedby":"other"}]'],
  '/broken': [{ 'content-type': 'application/cloudevents+json' }, '{'],
  '/large': [{ 'content-type': 'application/cloudevents+json' }, JSON.stringify({ data: 'z'.repeat(2000) })],
};
require('http').createServer((request, response) => {
  response.writeHead(200, replies[request.url][0]).end(replies[request.url][1]);
}).listen(process.env.PORT, '127.0.0.1');
`
	o := nodeOptions(t, folder(t, map[string]string{"index.js": code}))
	o.MaxBodyBytes = 1 << 10
	f := serve(t, &o)
	for path, want := range map[string]struct {
		status     int
		reply, own string
	}{
		"/binary":     {200, "1", "ns/fn"},
		"/structured": {200, `{"id":"8","repliedby":"ns/fn","specversion":"1.0"}`, ""},
		"/batch":      {200, `[{"id":"8","repliedby":"ns/fn"},{"id":"9","repliedby":"ns/fn"}]`, ""},
		"/broken":     {500, `{"error":{"code":"InvalidReply","message":"the function's server answered with an event that is no JSON","retryable":false}}`, ""},
		"/large":      {500, `{"error":{"code":"InvalidReply","message":"an event of more than 1024 bytes cannot be sent","retryable":false}}`, ""},
	} {
		resp, body := f.send(t, http.MethodPost, path, `{}`, binary...)
		if resp.StatusCode != want.status || body != want.reply || resp.Header.Get("Ce-Repliedby") != want.own {
			t.Errorf("%s: %d %s %v, want %d %s", path, resp.StatusCode, body, resp.Header, want.status, want.reply)
		}
	}
}

// A server's own reply does not come to it again.
func TestServersOwnReply(t *testing.T) {
	eachServer(t, nil, func(t *testing.T, f *function) {
		for by, want := range map[string]int{"ns/fn": http.StatusNoContent, "ns/other": http.StatusCreated} {
			if resp, body := f.send(t, http.MethodPost, "/about", "{}", append(without("Ce-Nothing"), "Ce-Repliedby", by)...); resp.StatusCode != want {
				t.Errorf("a reply of %s is answered %d %s, want %d", by, resp.StatusCode, body, want)
			}
		}
	})
}

// gRPC is HTTP/2 without TLS, with trailers.
func TestGRPC(t *testing.T) {
	const code = `
const http2 = require('http2');
const server = http2.createServer();
server.on('stream', (stream, headers) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.pipe(stream);
});
server.listen(process.env.LAMBDA_APP_PORT, '127.0.0.1');
`
	o := nodeOptions(t, folder(t, map[string]string{"index.js": code}))
	f := serve(t, &o)
	client := h2cClient()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/pkg.Service/Method", strings.NewReader("message"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("TE", "trailers")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "message" || resp.Trailer.Get("Grpc-Status") != "0" || resp.ProtoMajor != 2 {
		t.Errorf("%s %q %v %v", resp.Proto, body, resp.Trailer, err)
	}
}

func h2cClient() *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: &http.Transport{Protocols: protocols}}
}

// HTTP/2 without TLS does for handlers what HTTP/1.1 does.
func TestHTTP2(t *testing.T) {
	eachWorker(t, nil, func(t *testing.T, f *function) {
		client := h2cClient()
		defer client.CloseIdleConnections()
		var all sync.WaitGroup
		for range 32 { // over one connection
			all.Go(func() {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url, strings.NewReader(`{"do":"object","x":41}`))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Content-Type", asJSON)
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if body, err := io.ReadAll(resp.Body); string(body) != `{"x":42}` || resp.ProtoMajor != 2 {
					t.Errorf("%s %s %v", resp.Proto, body, err)
				}
			})
		}
		all.Wait()
	})
}
