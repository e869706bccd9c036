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

package source

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const helloGo = "package main\n\nfunc Handler(in map[string]any) (any, error) { return in, nil }\n"

// goPlan is a plan of a function in Go that everything is right with.
func goPlan(change ...func(*Plan)) *Plan {
	p := helloPlan(func(p *Plan) {
		p.Language, p.LanguageVersion, p.Handler = "go", "1.26", "main.Handler"
		p.BaseImage, p.BuilderImage = p.RuntimeImage, "docker.io/library/golang:1.26"
		p.Source.Inline.Files = map[string]string{"main.go": helloGo}
	})
	for _, c := range change {
		c(p)
	}
	return p
}

func file(name, text string) func(*Plan) {
	return func(p *Plan) { p.Source.Inline.Files[name] = text }
}

func TestNormalizeModule(t *testing.T) {
	const two = "require (\n\texample.com/a v1.0.0\n\texample.com/b v1.2.3\n)\n"
	for name, test := range map[string]struct{ text, want string }{
		"nothing":     {"", ""},
		"no require":  {"module function\n\ngo 1.26\n", ""},
		"no objects":  {"{}", ""},
		"lines":       {"example.com/b v1.2.3\r\n\r\n  example.com/a v1.0.0 // a\n", two},
		"require":     {"require example.com/b v1.2.3\nrequire example.com/a v1.0.0\n", two},
		"block":       {"require (\nexample.com/b v1.2.3\nexample.com/a v1.0.0\n)", two},
		"JSON":        {`{"example.com/b": "1.2.3", "example.com/a": "v1.0.0"}`, two},
		"whole":       {"module m\ngo 1.25\nrequire example.com/a v1.0.0 // indirect\n", "module m\n\ngo 1.25\n\nrequire example.com/a v1.0.0 // indirect\n"},
		"replacement": {"example.com/a v1.0.0\nreplace example.com/a => example.com/c v1.1.0\n", "require example.com/a v1.0.0\n\nreplace example.com/a => example.com/c v1.1.0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NormalizeDependencies("go", test.text)
			if err != nil {
				t.Fatal("NormalizeDependencies() =", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want, +got) =\n%s", diff)
			}
			if again, err := NormalizeDependencies("go", got); err != nil || again != got {
				t.Errorf("again it is %q, %v", again, err)
			}
		})
	}
}

func TestNormalizeModuleRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"not UTF-8":       {"\xff", "is not UTF-8 text"},
		"requirements":    {"requests==2.32.3", "is not the text of a go.mod, nor lines of modules and versions"},
		"range in JSON":   {`{"example.com/a": "^1.2.3"}`, `"example.com/a": "^1.2.3" is not a version`},
		"latest in JSON":  {`{"example.com/a": "latest"}`, `write one in full, such as v1.2.3`},
		"short in JSON":   {`{"example.com/a": "1.2"}`, `write one in full`},
		"no text in JSON": {`{"example.com/a": 1}`, "is not a JSON object of modules and versions"},
		"path in JSON":    {`{"a b.c": "1.2.3"}`, "malformed module path"},
		"major in JSON":   {`{"example.com/a": "v2.0.0"}`, "should be v0 or v1, not v2"},
		"version":         {"require example.com/a 1", "go.mod:1: require example.com/a: version \"1\" invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NormalizeDependencies("go", test.text)
			wantFailure(t, err, ReasonInvalidDependencies, test.want)
		})
	}
}

func TestWriteGoContext(t *testing.T) {
	const sum = "example.com/a v1.0.0 h1:x\n"
	runtime := goPlan().RuntimeImage
	begin := `FROM docker.io/library/golang:1.26 AS build
USER 0:0
WORKDIR /lambda/build
`
	environment := func(flags string) string {
		return `ENV CGO_ENABLED="0" GOTOOLCHAIN="local" GOWORK="off" GOFLAGS="-trimpath -buildvcs=false` + flags + "\"\n"
	}
	compile := func(dir string) string {
		return `COPY function/ /lambda/build/
COPY worker/ /lambda/build/
ENV GOPROXY="off"
RUN ["go", "build", "-ldflags=-s -w -buildid=", "-o", "/lambda/worker/function", "./` + dir + `"]
`
	}
	end := func(handler string) string {
		return `COPY --chown=0:0 --from=build /lambda/worker/function /lambda/worker/function
ENV LAMBDA_LANGUAGE="go" HANDLER="` + handler + `"
WORKDIR /lambda/function
USER 65532:65532
`
	}
	const ownEntrypoint = "ENTRYPOINT [\"/ko-app/runtime\"]\n"
	for name, test := range map[string]struct {
		plan       *Plan
		dockerfile string
		main       string
		mod        string // of the worker's folder
	}{
		"least": {
			plan:       goPlan(),
			dockerfile: begin + environment("") + compile("") + "FROM " + runtime + "\n" + end("main.Handler") + ownEntrypoint,
			main:       "worker/zz_lambda_main.go",
			mod:        "module function\n\ngo 1.26\n",
		},
		"dependencies and base image": {
			plan: goPlan(func(p *Plan) {
				p.Source.Inline.Dependencies = "require example.com/a v1.0.0\n"
				p.Index.GoProxy = "https://me:p$ss@go.example.com,direct"
				p.BaseImage = "registry.example.com/static"
			}),
			dockerfile: begin + environment(" -mod=mod") + `ENV GOPROXY="https://me:p\$ss@go.example.com,direct"
COPY go.mod /lambda/build/
RUN ["go", "mod", "download", "all"]
` + compile("") + "FROM registry.example.com/static\n" +
				"COPY --chown=0:0 --from=" + runtime + " /ko-app/runtime /lambda/runtime\n" + end("main.Handler") + "ENTRYPOINT [\"/lambda/runtime\"]\n",
			main: "worker/zz_lambda_main.go",
			mod:  "require example.com/a v1.0.0\n\nmodule function\n\ngo 1.26\n",
		},
		"module with sums": {
			plan: goPlan(file("go.mod", "module m\n\ngo 1.25\n\nrequire example.com/a v1.0.0\n"), file("go.sum", sum)),
			dockerfile: begin + environment("") + `COPY go.mod /lambda/build/
COPY function/go.sum /lambda/build/
RUN ["go", "mod", "download"]
` + compile("") + "FROM " + runtime + "\n" + end("main.Handler") + ownEntrypoint,
			main: "worker/zz_lambda_main.go",
		},
		"module with a module": {
			plan: goPlan(file("go.mod", "module m\nrequire example.com/a v1.0.0\nreplace example.com/a => ./a\n"), file("a/go.mod", "module example.com/a\n")),
			dockerfile: begin + environment(" -mod=mod") + `COPY function/ /lambda/build/
COPY go.mod /lambda/build/
RUN ["go", "mod", "download", "all"]
` + compile("") + "FROM " + runtime + "\n" + end("main.Handler") + ownEntrypoint,
			main: "worker/zz_lambda_main.go",
		},
		"vendored": {
			plan: goPlan(file("go.mod", "module m\n\ngo 1.25\n\nrequire example.com/a v1.0.0\n"), file("vendor/modules.txt", "# example.com/a v1.0.0\n")),
			dockerfile: begin + environment("") + compile("") +
				"FROM " + runtime + "\n" + end("main.Handler") + ownEntrypoint,
			main: "worker/zz_lambda_main.go",
		},
		"package of its own": {
			plan: goPlan(func(p *Plan) {
				p.Handler = "orders.intake.Handle"
				p.Source.Inline.Files = map[string]string{"orders/intake/a.go": "package intake\n\nfunc Handle() {}\n"}
			}),
			dockerfile: begin + environment("") + compile("zz_lambda") + "FROM " + runtime + "\n" + end("orders.intake.Handle") + ownEntrypoint,
			main:       "worker/zz_lambda/zz_lambda_main.go",
			mod:        "module function\n\ngo 1.26\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := WriteContext(t.Context(), test.plan, dir, DefaultLimits); err != nil {
				t.Fatal("WriteContext() =", err)
			}
			files := readTree(t, dir)
			if diff := cmp.Diff(test.dockerfile, files["Dockerfile"]); diff != "" {
				t.Errorf("Dockerfile (-want, +got) =\n%s", diff)
			}
			if files[test.main] == "" {
				t.Errorf("there is no %s among %v", test.main, slices.Sorted(maps.Keys(files)))
			}
			if diff := cmp.Diff(test.mod, files["worker/go.mod"]); diff != "" {
				t.Errorf("go.mod (-want, +got) =\n%s", diff)
			}
			checkModes(t, dir)
		})
	}
}

func TestGoHandler(t *testing.T) {
	const imports = "import (\n\t\"context\"\n\t\"net/http\"\n\tweb \"net/http\"\n)\n\ntype T struct{}\n\n"
	for name, test := range map[string]struct {
		handler, code, want string
	}{
		"bare":                 {"main.Handler", "func Handler() {}", "Bare(Handler)"},
		"result":               {"main.Handler", "func Handler() T { return T{} }", "BareResult(Handler)"},
		"error":                {"main.Handler", "func Handler() error { return nil }", "BareError(Handler)"},
		"result and error":     {"main.Handler", "func Handler() (r T, err error) { return }", "BareResultError(Handler)"},
		"context":              {"main.Handler", "func Handler(ctx context.Context) {}", "Context(Handler)"},
		"data":                 {"main.Handler", "func Handler(in *T) (*T, error) { return in, nil }", "DataResultError(Handler)"},
		"context and data":     {"main.Handler", "func Handler(_ context.Context, in T) T { return in }", "ContextDataResult(Handler)"},
		"data and event":       {"main.Handler", "func Handler(in, event map[string]any) error { return nil }", "DataEventError(Handler)"},
		"HTTP":                 {"main.Handler", "func Handler(w http.ResponseWriter, r *http.Request) {}", "HTTPFunc(Handler)"},
		"HTTP by another name": {"main.Handler", "func Handler(w web.ResponseWriter, r *web.Request) {}", "HTTPFunc(Handler)"},
		"makes HTTP":           {"main.Handler", "func Handler() http.Handler { return nil }", "HTTP(Handler())"},
		"variable":             {"main.Handler", "var Handler http.Handler = http.NewServeMux()", "HTTP(Handler)"},
		"variable of unknown":  {"main.Handler", "var _, Handler = 1, http.NewServeMux()", "HTTP(Handler)"},
		"variable, function":   {"main.Handler", "var Handler = func(in T) error { return nil }", "DataError(Handler)"},
		"variable, its type":   {"main.Handler", "var Handler func(T) T", "DataResult(Handler)"},
		"function alone":       {"greet", "func greet(name string) string { return name }", "DataResult(greet)"},
		"another's name":       {"main.Handler", "func Handle(w http.ResponseWriter, r *http.Request) {}", "HTTPFunc(Handle)"},
		"bare name":            {"handler", "func Handler() {}", "Bare(Handler)"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plan := goPlan(func(p *Plan) { p.Handler = test.handler }, file("main.go", "package main\n\n"+imports+test.code+"\n"))
			if _, err := WriteContext(t.Context(), plan, dir, DefaultLimits); err != nil {
				t.Fatal("WriteContext() =", err)
			}
			files := readTree(t, dir)
			if got := files["worker/zz_lambda_main.go"]; !strings.Contains(got, ", zzworker."+test.want+")\n") {
				t.Errorf("the main does not have %s:\n%s", test.want, got)
			}
			_, withHTTP := files["worker/zz_lambda/worker/http.go"]
			if want := strings.HasPrefix(test.want, "HTTP"); withHTTP != want {
				t.Errorf("net/http is part of it: %t, want %t", withHTTP, want)
			}
		})
	}
}

func TestGoHandlerOfAPackage(t *testing.T) {
	for name, test := range map[string]struct {
		handler, path, pkg, want string
	}{
		"root by its name": {"orders.Handle", "a.go", "orders", "zzfunction \"function\"\n"},
		"root by main":     {"main.Handle", "a.go", "orders", "zzfunction \"function\"\n"},
		"folder":           {"orders.Handle", "orders/a.go", "shop", "zzfunction \"function/orders\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plan := goPlan(func(p *Plan) {
				p.Handler = test.handler
				p.Source.Inline.Files = map[string]string{test.path: "package " + test.pkg + "\n\nfunc Handle() {}\n"}
			})
			if _, err := WriteContext(t.Context(), plan, dir, DefaultLimits); err != nil {
				t.Fatal("WriteContext() =", err)
			}
			got := readTree(t, dir)["worker/zz_lambda/zz_lambda_main.go"]
			if !strings.Contains(got, test.want) || !strings.Contains(got, "zzworker.Bare(zzfunction.Handle)") {
				t.Errorf("the main does not have %s:\n%s", test.want, got)
			}
		})
	}
}

func TestWriteGoContextRefuses(t *testing.T) {
	code := func(text string) func(*Plan) { return file("main.go", text) }
	for name, test := range map[string]struct {
		change func(*Plan)
		reason Reason
		want   string
	}{
		"no handler":        {code("package main\n\nfunc other() {}\n"), ReasonHandlerNotFound, `handler "main.Handler": package main in folder "./" has no function or variable Handler, nor Handle`},
		"method":            {code("package main\n\ntype T int\n\nfunc (T) Handler() {}\n"), ReasonHandlerNotFound, "has no function"},
		"no files":          {func(p *Plan) { p.Handler = "orders.Handle" }, ReasonHandlerNotFound, `there are no Go files in folder "./orders"`},
		"of another system": {code("//go:build windows\n\n" + helloGo), ReasonHandlerNotFound, "there are no Go files"},
		"syntax":            {code("package main\n\nfunc Handler( {}\n"), ReasonInvalidCode, "main.go:3:15: expected"},
		"own main":          {code(helloGo + "\nfunc main() {}\n"), ReasonHandlerInvalid, "main.go:5:1: the package has a func main of its own"},
		"type":              {code("package main\n\ntype Handler int\n"), ReasonHandlerInvalid, "main.go:3:6: Handler is neither a function nor a variable: a handler is func(T) (R, error)"},
		"constant":          {code("package main\n\nconst Handler = 1\n"), ReasonHandlerInvalid, "is neither a function nor a variable"},
		"arguments":         {code("package main\n\nfunc Handler(a, b, c int) {}\n"), ReasonHandlerInvalid, "main.go:3:1: Handler takes 3 arguments"},
		"results":           {code("package main\n\nfunc Handler() (a, b, c int) { return }\n"), ReasonHandlerInvalid, "returns 3 values"},
		"second result":     {code("package main\n\nfunc Handler() (a, b int) { return }\n"), ReasonHandlerInvalid, "returns two values, the second of which is no error"},
		"variadic":          {code("package main\n\nfunc Handler(a ...int) {}\n"), ReasonHandlerInvalid, "takes a variable number of arguments"},
		"generic":           {code("package main\n\nfunc Handler[T any](a T) {}\n"), ReasonHandlerInvalid, "has type parameters"},
		"HTTP with result":  {code("package main\n\nimport \"net/http\"\n\nfunc Handler(w http.ResponseWriter, r *http.Request) error { return nil }\n"), ReasonHandlerInvalid, "takes an http.ResponseWriter and returns something"},
		"small letter": {func(p *Plan) {
			p.Handler = "orders.handle"
			p.Source.Inline.Files = map[string]string{"orders/a.go": "package orders\n\nfunc handle() {}\n"}
		}, ReasonHandlerInvalid, "orders/a.go:3:1: handle begins with a small letter, so that only package orders can call it: write Handle"},
		"no module line": {file("go.mod", "go 1.26\n"), ReasonInvalidDependencies, "go.mod: there is no module line"},
		"module outside": {file("go.mod", "module m\nrequire example.com/a v1.0.0\nreplace example.com/a => ../a\n"), ReasonInvalidDependencies, `replaces example.com/a by "../a", which is outside`},
		"our folder":     {file("zz_lambda/a.go", "package a\n"), ReasonInvalidPath, "name yours otherwise"},
		"no builder":     {func(p *Plan) { p.BuilderImage = "" }, ReasonInvalidPlan, "builderImage: is required for go"},
		"proxy":          {func(p *Plan) { p.Index.GoProxy = "direct,file:///a" }, ReasonInvalidPlan, "index.goProxy: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := WriteContext(t.Context(), goPlan(test.change), t.TempDir(), DefaultLimits)
			wantFailure(t, err, test.reason, test.want)
		})
	}
}

func TestDockerfileOfCompiled(t *testing.T) {
	_, err := Dockerfile(goPlan())
	wantFailure(t, err, ReasonInvalidPlan, "is compiled")
}

// FuzzGoHandler holds the one who looks for a handler to a reason for each refusal, whatever the code and the go.mod.
func FuzzGoHandler(f *testing.F) {
	for _, code := range []string{
		helloGo, "package main\n\nvar Handler, b = 1\n", "package main\n\nvar (a, Handler func())\n", "package", "", "package a\n\nfunc Handler[",
		"package main\n\nimport . \"net/http\"\n\nfunc Handler(ResponseWriter, *Request) {}\n", "//go:build ignore\n\npackage main\n",
		"package main\n\nfunc Handler() (error, error)\n", "package main\n\nimport \"\\x00\"\n", "package zz\n\nfunc Handler(int)\n",
	} {
		f.Add("main.Handler", code, "module m\n\ngo 1.26\n")
	}
	f.Add("a.b.C", "package b\n\nfunc C() {}\n", "require example.com/a v1.0.0")
	f.Add("Handler", helloGo, "module \"a b\"\nreplace a => ../b\n")
	f.Fuzz(func(t *testing.T, handler, code, mod string) {
		plan := goPlan(func(p *Plan) { p.Handler = handler }, file("main.go", code), file("a/b/c.go", code))
		if mod != "" {
			plan.Source.Inline.Files["go.mod"] = mod
		}
		dir := t.TempDir()
		if _, err := WriteContext(t.Context(), plan, dir, DefaultLimits); err != nil {
			if ReasonOf(err) == ReasonInternal {
				t.Errorf("WriteContext() = %v, a failure without a reason", err)
			}
			return
		}
		for line := range strings.Lines(readTree(t, dir)["Dockerfile"]) {
			word, _, _ := strings.Cut(line, " ")
			if !slices.Contains([]string{"FROM", "USER", "WORKDIR", "ENV", "COPY", "RUN", "ENTRYPOINT"}, word) {
				t.Errorf("the Dockerfile has the line %q", line)
			}
		}
	})
}

func FuzzNormalizeModule(f *testing.F) {
	for _, seed := range []string{
		"", "{}", "example.com/a v1.0.0", "module m\n\ngo 1.26\n\nrequire (\n\texample.com/a v1.0.0 // indirect\n)\n", `{"example.com/a": "1.2.3"}`,
		"replace a.b => ../c", "require \"example.com/a\" v1.0.0", "exclude example.com/a v1.0.0", "(", "require (", "tool example.com/a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		normal, err := NormalizeDependencies("go", text)
		if err != nil {
			return
		}
		again, err := NormalizeDependencies("go", normal)
		if err != nil || again != normal {
			t.Errorf("of %q it is %q, and of that %q, %v", text, normal, again, err)
		}
	})
}
