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
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/runtime"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// goPlan is the plan of a fixture. A go.mod ends in .txt, because it would be a module of its own otherwise.
func goPlan(t testing.TB, fixture, handler string) *source.Plan {
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
func buildGo(t testing.TB, plan *source.Plan) (dir, output string, err error) {
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
func copyAll(t testing.TB, from, to string) {
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

func goOptions(t testing.TB, fixture, handler string) runtime.Options {
	t.Helper()
	o := optionsOf(t, "go", handler, "go", t.TempDir())
	dir, output, err := buildGo(t, goPlan(t, fixture, handler))
	if err != nil {
		t.Fatalf("failed to build: %v\n%s", err, output)
	}
	o.WorkerDir = dir
	return o
}

func runGo(t *testing.T, fixture, handler string) *function {
	t.Helper()
	o := goOptions(t, fixture, handler)
	return serve(t, &o)
}

const asJSON, goTrace = "application/json", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestGoLog(t *testing.T) {
	f := runGo(t, "rows", "main.Handler")
	f.send(t, "POST", "/", `{"do":"log","x":41}`, "Content-Type", asJSON, "Traceparent", goTrace)
	f.send(t, "POST", "/", `{"do":"panic"}`, "Content-Type", asJSON)
	if got := f.log.await(t, "printed").Stream; got != "stdout" {
		t.Errorf("stream = %v", got)
	}
	f.log.await(t, "logged")
	structured := f.log.await(t, "structured")
	if structured.TraceID != "0af7651916cd43dd8448eb211c80319c" || structured.InvocationID == "" {
		t.Errorf("the line carries no ids: %v", structured)
	}
	if got := structured.Fields["x"]; got != 41.0 {
		t.Errorf("fields = %v", structured.Fields)
	}
	if stack := f.log.await(t, "panic: broken").Stack; !strings.HasPrefix(stack, "main.Handler") {
		t.Errorf("stack = %s", stack)
	}
}

func TestGoHTTPHandler(t *testing.T) {
	f := runGo(t, "web", "main.Handler")
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
	f := runGo(t, "packages", "orders.Total")
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
	o := goOptions(t, "crash", "main.Handler")
	r, err := runtime.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `cannot load handler "main.Handler"`) {
		t.Errorf("Run() = %v", err)
	}
	o.Output.(*functionLog).await(t, "panic: no table")
}

const funcEvent = `package function

import (
	"context"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"
)

type Function struct{ greeting string }

func New() *Function { return &Function{} }

func (f *Function) Start(ctx context.Context, cfg map[string]string) error {
	if cfg["HANDLER"] != "main.Handler" {
		return fmt.Errorf("the environment has handler %q", cfg["HANDLER"])
	}
	f.greeting = "hello"
	return nil
}

func (f *Function) Stop(ctx context.Context) error {
	fmt.Println("stopped")
	return nil
}

func (f *Function) Handle(ctx context.Context, e event.Event) (*event.Event, error) {
	var data struct{ Name string }
	if err := e.DataAs(&data); err != nil {
		return nil, err
	}
	if data.Name == "nobody" {
		return nil, nil
	}
	if data.Name == "" {
		return nil, fmt.Errorf("there is no name")
	}
	reply := event.New()
	reply.SetID("8")
	reply.SetSource("/me")
	reply.SetType(e.Type() + ".done")
	reply.SetExtension("shard", e.Extensions()["shard"])
	return &reply, reply.SetData("application/json", map[string]string{"said": f.greeting + " " + data.Name})
}
`

const frameworkHTTP = `package hello

import (
	"context"
	"fmt"
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/cloudevents/sdk-go/v2/event"
)

func init() {
	functions.HTTP("HelloHTTP", helloHTTP)
	functions.CloudEvent("HelloEvent", helloEvent)
	functions.Typed("HelloTyped", helloTyped)
}

func helloHTTP(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello from %s %s", r.Method, r.URL.Path)
}

func helloEvent(ctx context.Context, e event.Event) error {
	if e.Type() == "bad" {
		return fmt.Errorf("bad type")
	}
	return nil
}

type input struct {
	X int ` + "`json:\"x\"`" + `
}

func helloTyped(in *input) (*input, error) { return &input{in.X + 1}, nil }
`

// TestGoCompatibility has functions for Knative's func and for functions-framework, with the packages that those have.
func TestGoCompatibility(t *testing.T) {
	const sdk, framework = "github.com/cloudevents/sdk-go/v2 v2.16.2", "github.com/GoogleCloudPlatform/functions-framework-go v1.9.2"
	named := append(binary, "Ce-Shard", "s-7")
	for _, tc := range []struct {
		name, code, dependencies, handler string
		calls                             []goCall
		last                              string // of the log
	}{
		{"func, events", funcEvent, sdk, "", []goCall{
			{"POST /", `{"name":"you"}`, named, 200, `{"said":"hello you"}`, []string{"Ce-Type", "order.done", "Ce-Id", "8", "Ce-Source", "/me", "Ce-Shard", "s-7", "Content-Type", asJSON}},
			{"POST /", `{"name":"nobody"}`, binary, 204, "", nil},
			{"POST /", `{}`, binary, 500, `{"error":{"code":"HandlerError","message":"there is no name","retryable":true}}`, nil},
			{"POST /", `{}`, plain, 400, `{"error":{"code":"InvalidData","message":"the handler takes a CloudEvent, and the request is none","retryable":false}}`, nil},
		}, "stopped"},
		{"func, http", "package function\n\nimport \"net/http\"\n\ntype F struct{}\n\nfunc New() *F { return &F{} }\n\nfunc (*F) Handle(w http.ResponseWriter, r *http.Request) {\n\tw.WriteHeader(202)\n\t_, _ = w.Write([]byte(r.Method))\n}\n", "", "", []goCall{
			{"PUT /a", "", nil, 202, "PUT", nil},
		}, ""},
		{"func, static", "package function\n\nimport (\n\t\"context\"\n\t\"net/http\"\n)\n\nfunc Handle(ctx context.Context, w http.ResponseWriter, r *http.Request) {\n\t_, _ = w.Write([]byte(ctx.Value(\"method\").(string)))\n}\n", "", "", []goCall{
			{"DELETE /a", "", nil, 200, "DELETE", nil},
		}, ""},
		{"framework, http", frameworkHTTP, framework + "\n" + sdk, "HelloHTTP", []goCall{{"GET /a", "", nil, 200, "hello from GET /a", nil}}, ""},
		{"framework, event", frameworkHTTP, framework + "\n" + sdk, "HelloEvent", []goCall{
			{"POST /", `{}`, binary, 204, "", nil},
			{"POST /", `{}`, append(without("Ce-Type"), "Ce-Type", "bad"), 500, `{"error":{"code":"HandlerError","message":"bad type","retryable":true}}`, nil},
			{"POST /", `{}`, without("Ce-Source"), 400, "", nil},
		}, ""},
		{"framework, typed", frameworkHTTP, framework + "\n" + sdk, "HelloTyped", []goCall{
			{"POST /", `{"x":41}`, plain, 200, `{"x":42}`, nil},
			{"POST /", `{}`, plain, 200, `{"x":1}`, nil}, // and not 42 from the one before
			{"POST /", `{`, plain, 400, "", nil},
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := optionsOf(t, "go", "main.Handler", "go", t.TempDir())
			plan := goPlan(t, "compile", "main.Handler")
			if tc.handler != "" {
				plan.Handler = tc.handler
			}
			plan.Source.Inline.Files = goModuleOf(t, tc.code, tc.dependencies)
			dir, output, err := buildGo(t, plan)
			if err != nil {
				t.Fatalf("failed to build: %v\n%s", err, output)
			}
			o.WorkerDir = dir
			f := serve(t, &o)
			for _, call := range tc.calls {
				method, path, _ := strings.Cut(call.method, " ")
				resp, body := f.send(t, method, path, call.body, call.header...)
				if resp.StatusCode != call.status || call.reply != "" && body != call.reply {
					t.Errorf("%s %s: %d %s, want %d %s", call.method, call.body, resp.StatusCode, body, call.status, call.reply)
				}
				for i := 0; i < len(call.want); i += 2 {
					if got := resp.Header.Get(call.want[i]); got != call.want[i+1] {
						t.Errorf("%s = %q, want %q", call.want[i], got, call.want[i+1])
					}
				}
			}
			if err := f.stop(); err != nil {
				t.Error("Run() =", err)
			}
			if tc.last != "" {
				f.log.await(t, tc.last)
			}
		})
	}
}

// goModuleOf returns the files of a module, as its author has them.
func goModuleOf(t *testing.T, code, dependencies string) map[string]string {
	t.Helper()
	files := map[string]string{"function.go": code, "go.mod": "module example.com/function\n\ngo 1.25\n\nrequire (\n" + dependencies + "\n)\n"}
	dir := folder(t, files)
	tidy := exec.CommandContext(t.Context(), "go", "mod", "tidy")
	tidy.Dir = dir
	if out, err := tidy.CombinedOutput(); err != nil {
		t.Skipf("%s cannot be had: %v\n%s", dependencies, err, out)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			files[name] = string(text)
		}
	}
	return files
}

// goCall is a request and what is expected of it.
type goCall struct {
	method, body string
	header       []string
	status       int
	reply        string
	want         []string
}
