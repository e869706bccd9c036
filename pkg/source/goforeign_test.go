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
	"strings"
	"testing"
)

const (
	frameworkHead = "package function\n\nimport \"github.com/GoogleCloudPlatform/functions-framework-go/functions\"\n\n"
	funcHead      = "package function\n\nimport (\n\t\"context\"\n\t\"net/http\"\n)\n\ntype F struct{}\n\n"
)

// TestGoForeign has functions that were written for other runtimes, by their code alone.
func TestGoForeign(t *testing.T) {
	for name, tc := range map[string]struct {
		handler, code string
		want          []string // of the main
		local         string
	}{
		"func, http":       {"", funcHead + "func New() *F { return &F{} }\n\nfunc (f *F) Handle(w http.ResponseWriter, r *http.Request) {}\n", []string{"instance := zzfunction.New()\n\tzzworker.Lifecycle(instance)\n", `"function.New", zzworker.HTTPFunc(instance.Handle)`}, ""},
		"func, event":      {"", funcHead + "func New() F { return F{} }\n\nfunc (f F) Handle(ctx context.Context, e any) (*F, error) { return nil, nil }\n", []string{"zzworker.ContextDataResultError(instance.Handle)"}, ""},
		"func, with names": {"main.Handle", "package main\n\ntype F int\n\nfunc New() F { return 1 }\n\nfunc (f F) Other() {}\n\nfunc (f F) Handle() {}\n", []string{"instance := New()\n", "zzworker.Bare(instance.Handle)"}, ""},
		"func, static":     {"", funcHead + "func Handle(ctx context.Context, w http.ResponseWriter, r *http.Request) {}\n", []string{"zzworker.HTTPContextFunc(zzfunction.Handle)"}, ""},
		"func, its own first": {
			"", funcHead + "func New() *F { return nil }\n\nfunc (f *F) Handle() {}\n\nfunc Handler() error { return nil }\n", []string{"zzworker.BareError(zzfunction.Handler)"}, "",
		},
		"framework, the only one": {"", frameworkHead + "func init() { functions.Typed(\"Hello\", Hello) }\n\nfunc Hello(in map[string]any) (int, error) { return 1, nil }\n", []string{"zzworker.DataResultError(zzfunction.Hello)"}, ""},
		"framework, by name": {
			"main.Second", frameworkHead + "func init() {\n\tfunctions.Typed(\"First\", first)\n\tfunctions.Typed(\"Second\", second)\n}\n\nfunc first(int) error { return nil }\n\nfunc second(string) error { return nil }\n",
			[]string{"zzworker.DataError(zzfunction.ZZLambdaHandler)"},
			"package function\n\n// ZZLambdaHandler is the handler.\nvar ZZLambdaHandler = second\n",
		},
		"framework, in main": {"", strings.Replace(frameworkHead, "package function", "package main", 1) + "func init() { functions.Typed(\"hello\", hello) }\n\nfunc hello(int) {}\n", []string{"zzworker.Data(hello)"}, ""},
		"framework, a variable": {
			"", frameworkHead + "var hello = func(in string) string { return in }\n\nfunc init() { functions.Typed(\"hello\", hello) }\n",
			[]string{"zzworker.DataResult(zzfunction.ZZLambdaHandler)"},
			"var ZZLambdaHandler = hello\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plan := goPlan(func(p *Plan) {
				if tc.handler != "" {
					p.Handler = tc.handler
				}
				p.Source.Inline.Files = map[string]string{"function.go": tc.code}
			})
			if _, err := WriteContext(t.Context(), plan, dir, DefaultLimits); err != nil {
				t.Fatal("WriteContext() =", err)
			}
			files := readTree(t, dir)
			got := files["worker/zz_lambda/zz_lambda_main.go"] + files["worker/zz_lambda_main.go"]
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("the main does not have %s:\n%s", want, got)
				}
			}
			if local := files["worker/zz_lambda_local.go"]; !strings.HasSuffix(local, tc.local) || (local == "") != (tc.local == "") {
				t.Errorf("the package has %q, want %q", local, tc.local)
			}
		})
	}
}

func TestGoForeignRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		code   string
		reason Reason
		want   string
	}{
		"New of another package": {funcHead + "func New() http.Header { return nil }\n", ReasonHandlerInvalid, "function.go:10:1: New returns a type of another package"},
		"New without Handle":     {funcHead + "func New() *F { return nil }\n", ReasonHandlerInvalid, "New returns a F, which has no method Handle"},
		"Handle of no shape":     {funcHead + "func New() *F { return nil }\n\nfunc (*F) Handle(a, b, c int) {}\n", ReasonHandlerInvalid, "function.go:12:1: Handle takes 3 arguments"},
		"Handle that makes one":  {funcHead + "func New() *F { return nil }\n\nfunc (*F) Handle() http.Handler { return nil }\n", ReasonHandlerInvalid, "Handle takes nothing"},
		"New with arguments":     {funcHead + "func New(int) *F { return nil }\n\nfunc (*F) Handle() {}\n", ReasonHandlerNotFound, "has no function or variable Handler"},
		"which of several":       {frameworkHead + "func init() {\n\tfunctions.Typed(\"a\", a)\n\tfunctions.Typed(\"b\", a)\n}\n\nfunc a(int) {}\n", ReasonHandlerNotFound, "registered at functions-framework are a, b: name one of them"},
		"without a name":         {frameworkHead + "func init() { functions.Typed(\"a\", func(int) {}) }\n", ReasonHandlerInvalid, "the function that is registered has no name"},
		"declared elsewhere":     {frameworkHead + "func init() { functions.Typed(\"a\", b) }\n", ReasonHandlerInvalid, "b is not declared in package function"},
		"of no shape":            {frameworkHead + "func init() { functions.Typed(\"a\", b) }\n\nfunc b(...int) {}\n", ReasonHandlerInvalid, "b takes a variable number of arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			plan := goPlan(func(p *Plan) { p.Source.Inline.Files = map[string]string{"function.go": tc.code} })
			_, err := WriteContext(t.Context(), plan, t.TempDir(), DefaultLimits)
			wantFailure(t, err, tc.reason, tc.want)
		})
	}
}
