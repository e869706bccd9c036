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
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// goPlan is the plan of a fixture. A go.mod ends in .txt, because it would be a module of its own otherwise.
func goPlan(t *testing.T, fixture, handler string) *source.Plan {
	t.Helper()
	dir := filepath.Join("testdata", "golang", fixture)
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimSuffix(strings.TrimPrefix(path, dir+"/"), ".txt")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal("failed to read the fixture:", err)
	}
	return &source.Plan{
		Version: source.PlanVersion, Language: "go", LanguageVersion: "1.26", Handler: handler,
		BaseImage: "static", BuilderImage: "golang", RuntimeImage: "runtime", FetchImage: "fetch",
		Source: source.Source{Inline: &source.Inline{Files: files}},
	}
}

// buildGo does what the Dockerfile does, in folders of its own, and returns the folder of the program.
func buildGo(t *testing.T, plan *source.Plan) (dir, output string, err error) {
	t.Helper()
	parts, dir := t.TempDir(), t.TempDir()
	if _, err := source.WriteContext(t.Context(), plan, parts, source.DefaultLimits); err != nil {
		t.Fatal("WriteContext() =", err)
	}
	dockerfile, err := os.ReadFile(filepath.Join(parts, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	inImage := strings.NewReplacer("/lambda/build", filepath.Join(dir, "build"), "/lambda/worker", dir)
	env := os.Environ()
	for line := range strings.Lines(string(dockerfile)) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch instruction {
		case "ENV":
			for _, variable := range strings.SplitAfter(rest, `" `) {
				env = append(env, strings.ReplaceAll(strings.TrimSpace(variable), `"`, ""))
			}
		case "COPY":
			from, to, _ := strings.Cut(rest, " ")
			if strings.HasPrefix(from, "--") {
				return dir, "", nil // the next stage
			}
			copyAll(t, filepath.Join(parts, from), inImage.Replace(to))
		case "RUN":
			var args []string
			if err := json.Unmarshal([]byte(inImage.Replace(rest)), &args); err != nil {
				t.Fatal(err)
			}
			command := exec.Command(args[0], args[1:]...)
			command.Dir, command.Env = filepath.Join(dir, "build"), env
			if out, err := command.CombinedOutput(); err != nil {
				return dir, string(out), err
			}
		}
	}
	return dir, "", nil
}

// copyAll copies a file into a folder, or what is in a folder, over what is there.
func copyAll(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, path)
		if name == "." {
			name = filepath.Base(from)
		}
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, text, 0o644)
	})
	if err != nil {
		t.Fatal("failed to copy:", err)
	}
}

// goLog is the log of a function, to be read while it is written.
type goLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *goLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *goLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// goFunction is a function under the supervisor.
type goFunction struct {
	url  string
	log  *goLog
	stop func() error
}

func runGo(t *testing.T, fixture, handler string, change func(*runtime.Options)) *goFunction {
	t.Helper()
	dir, output, err := buildGo(t, goPlan(t, fixture, handler))
	if err != nil {
		t.Fatalf("failed to build: %v\n%s", err, output)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &goFunction{url: "http://" + listener.Addr().String(), log: &goLog{}}
	o := runtime.Options{
		Listener: listener, Name: "fn", Namespace: "ns", Language: "go", Handler: handler,
		WorkerDir: dir, FunctionDir: t.TempDir(), Timeout: time.Minute, MaxBodyBytes: 1 << 20, CancelGrace: time.Minute, Output: f.log,
	}
	if change != nil {
		change(&o)
	}
	r, err := runtime.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	f.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error("Run() =", err)
		}
	})
	return f
}

// send sends a request and returns the reply with its body.
func (f *goFunction) send(t *testing.T, method, path, body string, header ...string) (answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal("failed to read the reply:", err)
	}
	return answer{resp.StatusCode, resp.Header}, string(b)
}

const asJSON, goTrace = "application/json", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestGoContract(t *testing.T) {
	f := runGo(t, "rows", "main.Handler", nil)
	binary := []string{"Content-Type", asJSON, "Ce-Specversion", "1.0", "Ce-Id", "7", "Ce-Type", "order", "Ce-Source", "/s"}
	without := func(name string) []string {
		var header []string
		for i := 0; i < len(binary); i += 2 {
			if binary[i] != name {
				header = append(header, binary[i], binary[i+1])
			}
		}
		return header
	}
	plain := []string{"Content-Type", asJSON}
	for name, tc := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		reply              string
		want               []string // headers
	}{
		"nothing":          {"POST", "/", `{}`, plain, 204, "", nil},
		"no body":          {"GET", "/", "", nil, 204, "", nil},
		"text":             {"POST", "/", `{"do":"text"}`, plain, 200, "text", []string{"Content-Type", "text/plain; charset=utf-8"}},
		"object":           {"POST", "/", `{"do":"object","x":41}`, plain, 200, `{"x":42}`, []string{"Content-Type", asJSON}},
		"number":           {"POST", "/", `{"do":"number"}`, plain, 200, "42", []string{"Content-Type", asJSON}},
		"bytes":            {"POST", "/", `{"do":"bytes"}`, plain, 200, "\xff", []string{"Content-Type", "application/octet-stream"}},
		"status":           {"POST", "/", `{"do":"status"}`, plain, 201, "made", []string{"X-Order", "7"}},
		"sub-path, PUT":    {"PUT", "/a/b", `{"do":"about"}`, append(plain, "Traceparent", goTrace), 200, "PUT /a/b <nil> 0af7651916cd43dd8448eb211c80319c", nil},
		"not declared":     {"POST", "/", `{"do":"text"}`, nil, 200, "text", nil},
		"error":            {"POST", "/", `{"do":"fly"}`, plain, 500, `{"error":{"code":"HandlerError","message":"cannot fly","retryable":true}}`, nil},
		"error's status":   {"POST", "/", `{"do":"not found"}`, plain, 404, `{"error":{"code":"HandlerError","message":"no such order","retryable":false}}`, nil},
		"panic":            {"POST", "/", `{"do":"panic"}`, plain, 500, `{"error":{"code":"HandlerError","message":"panic: broken","retryable":true}}`, nil},
		"invalid JSON":     {"POST", "/", `{"do":`, plain, 400, `{"error":{"code":"InvalidData","message":"the data is not JSON of what the handler takes: unexpected end of JSON input","retryable":false}}`, nil},
		"event":            {"POST", "/", `{"do":"object"}`, binary, 200, `{"x":1}`, []string{"Ce-Type", "io.knative.lambda.response.success", "Ce-Causationid", "7", "Ce-Subject", ""}},
		"event, nothing":   {"POST", "/", `{}`, binary, 204, "", nil},
		"event, its own":   {"POST", "/", `{"do":"event","x":1}`, binary, 200, "1", []string{"Ce-Type", "made", "Ce-Id", "8"}},
		"event, context":   {"POST", "/", `{"do":"about"}`, binary, 200, "POST / order", nil},
		"event, no source": {"POST", "/", `{}`, without("Ce-Source"), 400, "", nil},
		"event, version":   {"POST", "/", `{}`, append(without("Ce-Specversion"), "Ce-Specversion", "9.9"), 400, "", nil},
		"structured": {
			"POST", "/", `{"specversion":"1.0","id":"7","type":"order","source":"/s","data":{"do":"about"}}`,
			[]string{"Content-Type", "application/cloudevents+json"},
			200, "POST / order", nil,
		},
		"batch": {
			"POST", "/", `[{"specversion":"1.0","id":"7","type":"order","source":"/s","data":{"do":"nothing"}}]`,
			[]string{"Content-Type", "application/cloudevents-batch+json"},
			204, "", nil,
		},
		"killed": {"POST", "/", `{"do":"exit"}`, plain, 502, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := f.send(t, tc.method, tc.path, tc.body, tc.header...)
			if resp.StatusCode != tc.status || tc.reply != "" && strings.TrimSpace(body) != strings.TrimSpace(tc.reply) {
				t.Errorf("%d %q, want %d %q", resp.StatusCode, body, tc.status, tc.reply)
			}
			for i := 0; i < len(tc.want); i += 2 {
				if got := resp.Header.Get(tc.want[i]); got != tc.want[i+1] {
					t.Errorf("%s = %q, want %q", tc.want[i], got, tc.want[i+1])
				}
			}
		})
	}
	if _, metrics := f.send(t, "GET", "/metrics", ""); !strings.Contains(metrics, "HandlerError") {
		t.Errorf("the metrics do not count the errors:\n%s", metrics)
	}
}

func TestGoLog(t *testing.T) {
	f := runGo(t, "rows", "main.Handler", nil)
	f.send(t, "POST", "/", `{"do":"log","x":41}`, "Content-Type", asJSON, "Traceparent", goTrace)
	f.send(t, "POST", "/", `{"do":"panic"}`, "Content-Type", asJSON)
	if err := f.stop(); err != nil {
		t.Error("Run() =", err)
	}
	lines := map[string]map[string]any{}
	for text := range strings.Lines(f.log.String()) {
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		lines[line["message"].(string)] = line
	}
	if got := lines["printed"]["stream"]; got != "stdout" {
		t.Errorf("stream = %v", got)
	}
	if lines["logged"] == nil {
		t.Errorf("what package log wrote is not in the log:\n%s", f.log)
	}
	structured := lines["structured"]
	if structured["trace_id"] != "0af7651916cd43dd8448eb211c80319c" || structured["invocationId"] == nil {
		t.Errorf("the line carries no ids: %v", structured)
	}
	if fields, _ := structured["fields"].(map[string]any); fields["x"] != 41.0 {
		t.Errorf("fields = %v", structured["fields"])
	}
	if stack, _ := lines["panic: broken"]["stack"].(string); !strings.Contains(stack, "main.Handler") || !strings.HasPrefix(stack, "main.Handler") {
		t.Errorf("stack = %s", stack)
	}
}

func TestGoDeadline(t *testing.T) {
	f := runGo(t, "rows", "main.Handler", func(o *runtime.Options) { o.Timeout = time.Second })
	resp, body := f.send(t, "POST", "/", `{"do":"wait"}`, "Content-Type", asJSON)
	if resp.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestGoHTTPHandler(t *testing.T) {
	f := runGo(t, "web", "main.Handler", nil)
	resp, body := f.send(t, "PUT", "/orders/7?from=me", "a pen")
	if resp.StatusCode != http.StatusCreated || body != "a pen of me" || resp.Header.Get("X-Order") != "7" {
		t.Errorf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
	_, body = f.send(t, "POST", "/", `{"specversion":"1.0","id":"7","type":"order","source":"/s","datacontenttype":"text/plain","data":"a"}`,
		"Content-Type", "application/cloudevents+json")
	if body != "order text/plain" {
		t.Errorf("the handler saw an event as %q", body)
	}
	if resp, _ := f.send(t, "GET", "/none", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("status of an unknown path = %d", resp.StatusCode)
	}
	if resp, body := f.send(t, "GET", "/panic", ""); resp.StatusCode != http.StatusInternalServerError || !strings.Contains(body, "panic: broken") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// A handler in a folder, and a module that the function depends on.
func TestGoPackages(t *testing.T) {
	f := runGo(t, "packages", "orders.Total", nil)
	_, body := f.send(t, "POST", "/", `{"price":10}`, "Content-Type", asJSON, "Ce-Specversion", "1.0", "Ce-Id", "7", "Ce-Type", "order", "Ce-Source", "/s")
	if body != `{"id":"7","source":"/s","total":12}` {
		t.Errorf("body = %s", body)
	}
}

// What the compiler says comes last.
func TestGoDoesNotCompile(t *testing.T) {
	_, output, err := buildGo(t, goPlan(t, "compile", "main.Handler"))
	if want := "./main.go:21:32: cannot use 1 (untyped int constant) as string value in return statement\n"; err == nil || !strings.HasSuffix(output, want) {
		t.Errorf("build = %v, %q, want it to end with %q", err, output, want)
	}
}

// The worker is written in a newer Go than the function's module may be.
func TestGoOldModule(t *testing.T) {
	plan := goPlan(t, "compile", "main.Handler")
	plan.Source.Inline.Files = map[string]string{"go.mod": "module m\n", "main.go": "package main\n\nfunc Handler(in map[string]int) int { return in[\"x\"] }\n"}
	if _, output, err := buildGo(t, plan); err != nil {
		t.Errorf("failed to build: %v\n%s", err, output)
	}
}

func TestGoBuildIsReproducible(t *testing.T) {
	var programs [2][]byte
	for i := range programs {
		plan := goPlan(t, "compile", "main.Handler")
		plan.Source.Inline.Files["main.go"] = "package main\n\nfunc Handler() {}\n"
		dir, output, err := buildGo(t, plan)
		if err != nil {
			t.Fatalf("failed to build: %v\n%s", err, output)
		}
		if programs[i], err = os.ReadFile(filepath.Join(dir, "function")); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(programs[0], programs[1]) {
		t.Error("the same plan makes two programs")
	}
}

// A function that dies as it starts is not ready, and says why.
func TestGoDiesAtStart(t *testing.T) {
	dir, output, err := buildGo(t, goPlan(t, "crash", "main.Handler"))
	if err != nil {
		t.Fatalf("failed to build: %v\n%s", err, output)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &goLog{}
	r, err := runtime.New(runtime.Options{
		Listener: listener, Language: "go", Handler: "main.Handler", WorkerDir: dir, FunctionDir: dir, Timeout: time.Minute, Output: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `cannot load handler "main.Handler"`) {
		t.Errorf("Run() = %v", err)
	}
	if !strings.Contains(log.String(), "panic: no table") {
		t.Errorf("the log does not say why:\n%s", log)
	}
}
