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
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
)

// workers are all there are. Each runs the same function, which does what its caller says.
var workers = []struct {
	name    string
	program string // that its language needs
	options func(*testing.T) runtime.Options
}{
	{"go", "go", func(t *testing.T) runtime.Options { return goOptions(t, "rows", "main.Handler") }},
	{"nodejs", "node", func(t *testing.T) runtime.Options { return nodeOptions(t, "testdata/nodejs/rows") }},
	{"python", "python3", func(t *testing.T) runtime.Options { return pythonOptions(t, "testdata/python", "main.handler") }},
	{"python on a loop", "python3", func(t *testing.T) runtime.Options { return pythonOptions(t, "testdata/python", "main.later") }},
}

func pythonOptions(t *testing.T, dir, handler string) runtime.Options {
	t.Helper()
	return optionsOf(t, "python", handler, "python3", dir)
}

// eachWorker runs a test once for every worker.
func eachWorker(t *testing.T, change func(*runtime.Options), test func(t *testing.T, f *function)) {
	t.Helper()
	for _, w := range workers {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			o := w.options(t)
			if change != nil {
				change(&o)
			}
			test(t, serve(t, &o))
		})
	}
}

var (
	plain  = []string{"Content-Type", asJSON}
	binary = []string{"Content-Type", asJSON, "Ce-Specversion", "1.0", "Ce-Id", "7", "Ce-Type", "order", "Ce-Source", "/s"}
)

// without returns binary without a header.
func without(name string) []string {
	var header []string
	for i := 0; i < len(binary); i += 2 {
		if binary[i] != name {
			header = append(header, binary[i], binary[i+1])
		}
	}
	return header
}

// errorReply is the body of an error.
type errorReply struct {
	Error struct {
		Code, Message string
		Retryable     bool
	}
}

// TestReplies has what a handler may get and return, and what its caller gets. Each row is one that other runtimes
// answer wrongly or that has to be the same in every language.
func TestReplies(t *testing.T) {
	const structured, batch = "application/cloudevents+json", "application/cloudevents-batch+json"
	eachWorker(t, nil, func(t *testing.T, f *function) {
		for _, tc := range []struct {
			name, method, body string
			header             []string
			status             int
			reply              string
			want               []string // headers
		}{
			{"nothing", "POST /", `{}`, plain, 204, "", []string{"Content-Type", ""}},
			{"no body", "GET /", "", nil, 204, "", nil},
			{"text", "POST /", `{"do":"text"}`, plain, 200, "text", []string{"Content-Type", "text/plain; charset=utf-8"}},
			{"empty text", "POST /", `{"do":"empty"}`, plain, 200, "", []string{"Content-Type", "text/plain; charset=utf-8"}},
			{"object", "POST /", `{"do":"object","x":41}`, plain, 200, `{"x":42}`, []string{"Content-Type", asJSON}},
			{"nothing left of the object before", "POST /", `{"do":"object"}`, plain, 200, `{"x":1}`, nil},
			{"array", "POST /", `{"do":"array"}`, plain, 200, `[1,2]`, []string{"Content-Type", asJSON}},
			{"number", "POST /", `{"do":"number"}`, plain, 200, "42", []string{"Content-Type", asJSON}},
			{"zero", "POST /", `{"do":"zero"}`, plain, 200, "0", []string{"Content-Type", asJSON}},
			{"false", "POST /", `{"do":"false"}`, plain, 200, "false", []string{"Content-Type", asJSON}},
			{"bytes", "POST /", `{"do":"bytes"}`, plain, 200, "\xff", []string{"Content-Type", "application/octet-stream"}},
			{"status", "POST /", `{"do":"status"}`, plain, 201, "made", []string{"X-Order", "7"}},
			{"stream", "POST /", `{"do":"stream"}`, plain, 200, "one two", nil},
			{"more than a window", "POST /", `{"do":"memory","x":3}`, plain, 200, strings.Repeat("z", 3<<20), nil},
			{"PUT of a sub-path", "PUT /a/b", `{"do":"about"}`, append(plain, "Traceparent", goTrace), 200, "PUT /a/b none 0af7651916cd43dd8448eb211c80319c", nil},
			{"PATCH", "PATCH /", `{"do":"about"}`, plain, 200, "PATCH / none none", nil},
			{"DELETE", "DELETE /", `{"do":"about"}`, plain, 200, "DELETE / none none", nil},
			{"OPTIONS", "OPTIONS /", `{"do":"about"}`, plain, 200, "OPTIONS / none none", []string{"Access-Control-Allow-Origin", ""}},
			{"HEAD", "HEAD /", "", nil, 204, "", nil},
			{"favicon", "GET /favicon.ico", `{"do":"about"}`, plain, 200, "GET /favicon.ico none none", nil},
			{"POST of a probe's path", "POST /health", `{"do":"about"}`, plain, 200, "POST /health none none", nil},
			{"JSON that is not declared", "POST /", `{"do":"text"}`, nil, 200, "text", nil},
			{"correlation", "POST /", `{}`, append(plain, "X-Correlation-Id", "c-1"), 204, "", []string{"X-Correlation-Id", "c-1"}},

			{"event", "POST /", `{"do":"object"}`, binary, 200, `{"x":1}`, []string{
				"Ce-Specversion", "1.0", "Ce-Type", "io.knative.lambda.response.success", "Ce-Source", "io.knative.lambda/ns/fn", "Ce-Repliedby", "ns/fn",
				"Ce-Causationid", "7", "Ce-Subject", "", "Content-Type", asJSON,
			}},
			{"event, number", "POST /", `{"do":"number"}`, binary, 200, "42", []string{"Ce-Specversion", "1.0", "Content-Type", asJSON}},
			{"event, its own reply", "POST /", `{"do":"number"}`, append(without("Ce-Nothing"), "Ce-Repliedby", "ns/fn"), 204, "", nil},
			{"event, another's reply", "POST /", `{"do":"number"}`, append(without("Ce-Nothing"), "Ce-Repliedby", "ns/other"), 200, "42", nil},
			{"event, nothing", "POST /", `{}`, binary, 204, "", []string{"Ce-Type", ""}},
			{"event, its own", "POST /", `{"do":"event","x":1}`, binary, 200, "1", []string{"Ce-Type", "made", "Ce-Id", "8", "Ce-Source", "/orders", "Ce-Repliedby", "ns/fn", "Content-Type", asJSON}},
			{"own event to a request", "POST /", `{"do":"event","x":1}`, plain, 200, "1", []string{"Ce-Type", "made"}},
			{"event, context", "POST /", `{"do":"about"}`, binary, 200, "POST / order none", nil},
			{"event, sub-path and PUT", "PUT /a", `{"do":"about"}`, binary, 200, "PUT /a order none", nil},
			{"event without data", "POST /", "", without("Content-Type"), 204, "", nil},
			{"event of version 0.3", "POST /", `{"do":"about"}`, append(without("Ce-Specversion"), "Ce-Specversion", "0.3"), 200, "POST / order none", nil},
			{
				"structured event", "POST /", `{"specversion":"1.0","id":"7","type":"order","source":"/s","data":{"do":"about"}}`,
				[]string{"Content-Type", structured},
				200, "POST / order none", nil,
			},
			{
				"structured event with a charset", "POST /", `{"specversion":"1.0","id":"7","type":"order","source":"/s","data":{"do":"about"}}`,
				[]string{"Content-Type", structured + "; charset=utf-8"},
				200, "POST / order none", nil,
			},
			{
				"batch without replies", "POST /", `[{"specversion":"1.0","id":"7","type":"order","source":"/s","data":{"do":"nothing"}}]`,
				[]string{"Content-Type", batch},
				204, "", nil,
			},
			{"empty batch", "POST /", `[]`, []string{"Content-Type", batch}, 204, "", nil},
		} {
			t.Run(tc.name, func(t *testing.T) {
				method, path, _ := strings.Cut(tc.method, " ")
				resp, body := f.send(t, method, path, tc.body, tc.header...)
				if resp.StatusCode != tc.status || body != tc.reply {
					t.Errorf("%d %.200q, want %d %.200q", resp.StatusCode, body, tc.status, tc.reply)
				}
				for i := 0; i < len(tc.want); i += 2 {
					if got := resp.Header.Get(tc.want[i]); got != tc.want[i+1] {
						t.Errorf("%s = %q, want %q", tc.want[i], got, tc.want[i+1])
					}
				}
			})
		}
	})
}

// TestErrors has what goes wrong, and what a broker makes of the answer: it tries again what is retryable.
func TestErrors(t *testing.T) {
	const structured = "application/cloudevents+json"
	change := func(o *runtime.Options) { o.MaxBodyBytes = 1 << 10 }
	eachWorker(t, change, func(t *testing.T, f *function) {
		for _, tc := range []struct {
			name, body string
			header     []string
			status     int
			code       string
			message    string // a part of it
			retryable  bool
		}{
			{"error", `{"do":"fly"}`, plain, 500, "HandlerError", "cannot fly", true},
			{"error for an event", `{"do":"fly"}`, binary, 500, "HandlerError", "cannot fly", true},
			{"status that an error carries", `{"do":"not found"}`, plain, 404, "HandlerError", "no such order", false},
			{"panic", `{"do":"panic"}`, plain, 500, "HandlerError", "broken", true},
			{"reply that is none", `{"do":"unencodable"}`, plain, 500, "InvalidReply", "JSON cannot hold", false},
			{"status that is none", `{"do":"bad status"}`, plain, 500, "InvalidReply", "99", false},
			{"broken JSON", `{"do":`, plain, 400, "InvalidData", "JSON", false},
			{"broken JSON in an event", `{"do":`, binary, 400, "InvalidData", "JSON", false},
			{"body that is too large", strings.Repeat(" ", 1<<10+1), plain, 413, "BodyTooLarge", "1024 bytes", false},
			{"event without source", `{}`, without("Ce-Source"), 400, "InvalidEvent", "source", false},
			{"event without id", `{}`, without("Ce-Id"), 400, "InvalidEvent", "id", false},
			{"event without type", `{}`, without("Ce-Type"), 400, "InvalidEvent", "type", false},
			{"event without version", `{}`, without("Ce-Specversion"), 400, "InvalidEvent", "specversion", false},
			{"event of an unknown version", `{}`, append(without("Ce-Specversion"), "Ce-Specversion", "9.9"), 400, "InvalidEvent", "9.9", false},
			{"structured event without source", `{"specversion":"1.0","id":"7","type":"order"}`, []string{"Content-Type", structured}, 400, "InvalidEvent", "source", false},
			{"structured event that is no JSON", `{`, []string{"Content-Type", structured}, 400, "InvalidEvent", "", false},
			{"batch that is no list", `{}`, []string{"Content-Type", "application/cloudevents-batch+json"}, 400, "InvalidEvent", "", false},
			{"format that is not known", `<a/>`, []string{"Content-Type", "application/cloudevents+xml"}, 415, "UnsupportedEventFormat", "xml", false},
		} {
			t.Run(tc.name, func(t *testing.T) {
				resp, body := f.send(t, http.MethodPost, "/", tc.body, tc.header...)
				var got errorReply
				if err := json.Unmarshal([]byte(body), &got); err != nil {
					t.Fatalf("%d %q: %v", resp.StatusCode, body, err)
				}
				if resp.StatusCode != tc.status || got.Error.Code != tc.code || got.Error.Retryable != tc.retryable || !strings.Contains(got.Error.Message, tc.message) {
					t.Errorf("%d %+v, want %d %s with %q, retryable: %v", resp.StatusCode, got.Error, tc.status, tc.code, tc.message, tc.retryable)
				}
				if ct := resp.Header.Get("Content-Type"); ct != asJSON {
					t.Errorf("Content-Type = %q, want JSON", ct)
				}
			})
		}
		_, metrics := f.send(t, http.MethodGet, "/metrics", "")
		for _, want := range []string{
			`errors_total{function="fn",namespace="ns",error_type="HandlerError"} 4`,
			`errors_total{function="fn",namespace="ns",error_type="InvalidEvent"} 8`,
			`invocations_total{function="fn",namespace="ns",status="error"} 18`,
		} {
			if !strings.Contains(metrics, want) {
				t.Errorf("the metrics have no line %s:\n%s", want, metrics)
			}
		}
		// Half a reply is never taken for a whole one.
		resp, body, err := f.try(t.Context(), http.MethodPost, "/", `{"do":"broken stream"}`, plain...)
		if err == nil && resp.StatusCode != http.StatusInternalServerError {
			t.Errorf("a stream that broke off came to its end as %d %q", resp.StatusCode, body)
		}
	})
}

// One event of a batch that fails has the whole of it tried again, unless no retry helps.
func TestBatch(t *testing.T) {
	eachWorker(t, nil, func(t *testing.T, f *function) {
		of := func(all ...string) (answer, string) {
			var events []string
			for _, do := range all {
				events = append(events, `{"specversion":"1.0","id":"`+do+`","type":"order","source":"/s","data":{"do":"`+do+`"}}`)
			}
			return f.send(t, http.MethodPost, "/", "["+strings.Join(events, ",")+"]", "Content-Type", "application/cloudevents-batch+json")
		}
		resp, body := of("number", "nothing", "text")
		var replies []struct {
			CausationID string `json:"causationid"`
			Data        any    `json:"data"`
		}
		if err := json.Unmarshal([]byte(body), &replies); err != nil {
			t.Fatalf("%d %q: %v", resp.StatusCode, body, err)
		}
		got := map[string]any{}
		for _, r := range replies {
			got[r.CausationID] = r.Data
		}
		if diff := cmp.Diff(map[string]any{"number": 42.0, "text": "text"}, got); diff != "" {
			t.Errorf("unexpected replies (-want, +got): %s", diff)
		}
		if resp, body := of("number", "not found"); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%d %s, want 404", resp.StatusCode, body)
		}
		if resp, body := of("not found", "fly"); resp.StatusCode != http.StatusInternalServerError || !strings.Contains(body, `"id":"fly"`) {
			t.Errorf("%d %s, want 500 and the event that failed", resp.StatusCode, body)
		}
	})
}

func TestProbes(t *testing.T) {
	eachWorker(t, nil, func(t *testing.T, f *function) {
		f.send(t, http.MethodPost, "/", `{}`, plain...)
		for _, path := range []string{"/health", "/healthz", "/readyz"} {
			if resp, body := f.send(t, http.MethodGet, path, ""); resp.StatusCode != http.StatusOK {
				t.Errorf("%s: %d %s", path, resp.StatusCode, body)
			}
		}
	})
}

// A handler that never answers has its caller told so at the deadline, and others are served meanwhile.
func TestDeadline(t *testing.T) {
	change := func(o *runtime.Options) { o.Timeout = 2 * time.Second }
	eachWorker(t, change, func(t *testing.T, f *function) {
		f.send(t, http.MethodPost, "/", `{}`, plain...) // else the start counts
		var late sync.WaitGroup
		late.Go(func() {
			resp, body, err := f.try(t.Context(), http.MethodPost, "/", `{"do":"wait"}`, plain...)
			if err != nil || resp.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, `"Timeout"`) {
				t.Errorf("%d %s %v, want 504", resp.StatusCode, body, err)
			}
		})
		for range 20 {
			if resp, body := f.send(t, http.MethodPost, "/", `{"do":"number"}`, plain...); body != "42" {
				t.Errorf("%d %s while another one waits", resp.StatusCode, body)
			}
		}
		late.Wait()
	})
}

// Nothing cuts a request after half a minute but its own deadline.
func TestLongerThanHalfAMinute(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 31 s")
	}
	var all sync.WaitGroup
	for _, w := range workers {
		if _, err := exec.LookPath(w.program); err != nil {
			t.Logf("%s is left out: %v", w.name, err)
			continue
		}
		o := w.options(t)
		f := serve(t, &o)
		all.Go(func() { // all at once, however many tests may be
			if resp, body, err := f.try(t.Context(), http.MethodPost, "/", `{"do":"sleep","x":31}`, plain...); body != "slept" {
				t.Errorf("%s: %d %s %v", w.name, resp.StatusCode, body, err)
			}
		})
	}
	all.Wait()
}

func TestOverload(t *testing.T) {
	change := func(o *runtime.Options) { o.Concurrency, o.Queue, o.Timeout = 1, 1, 20*time.Second }
	eachWorker(t, change, func(t *testing.T, f *function) {
		var refused, served atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				resp, body, err := f.try(t.Context(), http.MethodPost, "/", `{"do":"sleep","x":1}`, plain...)
				switch {
				case err != nil:
					t.Error(err)
				case resp.StatusCode == http.StatusOK:
					served.Add(1)
				case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") != "" && strings.Contains(body, `"retryable":true`):
					refused.Add(1)
				default:
					t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
				}
			})
		}
		all.Wait()
		if served.Load() == 0 || refused.Load() == 0 {
			t.Errorf("%d were served and %d refused, want some of both", served.Load(), refused.Load())
		}
	})
}

// load sends requests over a number of connections until stop is closed, and has check look at each answer.
func (f *function) load(stop <-chan struct{}, connections int, body string, check func(answer, string, error)) *sync.WaitGroup {
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					check(f.try(context.Background(), http.MethodPost, "/", body, binary...))
				}
			}
		})
	}
	return &all
}

// No event hangs under load: other runtimes leave a few in a hundred thousand without an answer.
func TestEventsUnderLoad(t *testing.T) {
	const wanted = 4000
	eachWorker(t, nil, func(t *testing.T, f *function) {
		stop := make(chan struct{})
		var n atomic.Int64
		all := f.load(stop, 16, `{"do":"object","x":41}`, func(resp answer, body string, err error) {
			if err != nil || body != `{"x":42}` || resp.Header.Get("Ce-Causationid") != "7" {
				t.Errorf("%v %s %v", resp, body, err)
			}
			if n.Add(1) == wanted {
				close(stop)
			}
		})
		all.Wait()
	})
}

// A worker that is killed has its calls answered 502, and one that follows it serves.
func TestWorkerIsKilled(t *testing.T) {
	for do, want := range map[string]string{
		"kill": "the worker was killed by signal 9 (killed)",
		"exit": "exit status 3",
	} {
		t.Run(do, func(t *testing.T) {
			eachWorker(t, nil, func(t *testing.T, f *function) {
				waiting := make(chan struct{})
				go func() {
					defer close(waiting)
					resp, body, err := f.try(t.Context(), http.MethodPost, "/", `{"do":"wait"}`, plain...)
					if err != nil || resp.StatusCode != http.StatusBadGateway {
						t.Errorf("%d %s %v, want 502 for who waits", resp.StatusCode, body, err)
					}
				}()
				// The first one is in the worker once it has answered one that came later.
				for range 10 {
					f.send(t, http.MethodPost, "/", `{}`, plain...)
				}
				resp, body := f.send(t, http.MethodPost, "/", `{"do":"`+do+`"}`, plain...)
				if resp.StatusCode != http.StatusBadGateway || !strings.Contains(body, `"WorkerDied"`) || !strings.Contains(body, `"retryable":true`) {
					t.Errorf("%d %s, want 502", resp.StatusCode, body)
				}
				<-waiting
				f.log.await(t, want)
				if resp, body := f.send(t, http.MethodPost, "/", `{"do":"number"}`, plain...); body != "42" {
					t.Errorf("%d %s from the next worker", resp.StatusCode, body)
				}
			})
		})
	}
}

// A worker that dies of a request has nobody wait for the next one longer each time, as a start that fails does.
func TestWorkerIsKilledAgain(t *testing.T) {
	eachWorker(t, nil, func(t *testing.T, f *function) {
		for range 4 {
			if resp, body := f.send(t, http.MethodPost, "/", `{"do":"number"}`, plain...); body != "42" {
				t.Errorf("%d %s before the worker dies", resp.StatusCode, body)
			}
			f.send(t, http.MethodPost, "/", `{"do":"kill"}`, plain...)
		}
		if line := f.log.await(t, "restarting in "); !strings.HasSuffix(line.Message, "restarting in 100ms") {
			t.Error(line.Message)
		}
		f.log.mu.Lock()
		defer f.log.mu.Unlock()
		for _, line := range f.log.lines {
			if strings.Contains(line.Message, "restarting in") && !strings.HasSuffix(line.Message, "restarting in 100ms") {
				t.Errorf("%s, want 100ms", line.Message)
			}
		}
	})
}

// Whatever has been accepted when the function is told to go is answered.
func TestShutdownUnderLoad(t *testing.T) {
	eachWorker(t, nil, func(t *testing.T, f *function) {
		stop := make(chan struct{})
		var served atomic.Int64
		enough := make(chan struct{})
		all := f.load(stop, 16, `{"do":"object","x":41}`, func(_ answer, body string, err error) {
			switch {
			case err == nil && body == `{"x":42}`:
				if served.Add(1) == 500 {
					close(enough)
				}
			case refused(err):
			default:
				t.Errorf("an accepted request was lost: %q %v", body, err)
			}
		})
		<-enough
		if err := f.stop(); err != nil {
			t.Error("Run() =", err)
		}
		close(stop)
		all.Wait()
	})
}

// refused reports whether the connection was refused, reset by the kernel because nobody accepted it any more, or closed
// before anything was written to it.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
