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

func goOptions(t *testing.T, fixture, handler string) runtime.Options {
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
