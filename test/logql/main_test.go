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

package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	operator = map[string]string{"namespace": "knative-lambda", "app": "knative-lambda-operator", "service_name": "knative-lambda-operator"}
	function = map[string]string{"namespace": "knative-lambda", "app": "lambda-hello", "service_name": "lambda-hello"}
)

// streams are a line each, as the operator and a function write them.
var streams = []Stream{
	{operator, []string{
		`{"severity":"ERROR","timestamp":"2026-11-27T07:00:00.1Z","logger":"controller","message":"Reconcile error","duration":"12.5ms","error":"failed to create a Broker"}`,
		`{"severity":"INFO","timestamp":"2026-11-27T07:00:01.2Z","logger":"controller","message":"Reconcile succeeded","duration":"6.25s"}`,
		`{"severity":"INFO","timestamp":"2026-11-27T07:00:02.3Z","logger":"controller","message":"The build failed: CompileFailed"}`,
		`2026/11/27 07:00:03 Registering 2 clients`,
	}},
	{function, []string{
		`{"time":"2026-11-27T07:00:04.5Z","level":"info","message":"slept","function":"hello","namespace":"shop","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`,
	}},
}

func TestFind(t *testing.T) {
	for _, tc := range []struct {
		query string
		want  []string // what each found line has
	}{
		{`{namespace="knative-lambda", app="knative-lambda-operator"} |= "error" | json`, []string{"Reconcile error"}},
		{`{namespace="knative-lambda"} |= "build" |= "failed" | json`, []string{"CompileFailed"}},
		{`{namespace="knative-lambda", service_name=~"lambda-.*"} | json`, []string{"slept"}},
		{`{namespace="knative-lambda"} | json | duration > 5s`, []string{"6.25s"}},
		{`{service_name="lambda-hello"} | json | trace_id="4bf92f3577b34da6a3ce929d0e0e4736"`, []string{"slept"}},
		{`{service_name="lambda-hello"} | json | trace_id="0"`, nil},
		{`{namespace="other"}`, nil},
	} {
		found, err := (&Question{tc.query, streams}).find()
		if err != nil {
			t.Error(err)
		}
		if !slices.EqualFunc(found, tc.want, strings.Contains) {
			t.Errorf("%s finds %q, want %q", tc.query, found, tc.want)
		}
	}
}

func TestAnswer(t *testing.T) {
	question, err := json.Marshal(&Question{`{app="lambda-hello"}`, streams})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ question, want, failed string }{
		"found":       {string(question), streams[1].Lines[0] + "\n", ""},
		"no query":    {`{"query": "{"}`, "", "failed to parse {"},
		"no question": {`[`, "", "failed to read the question"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := answer(strings.NewReader(tc.question), &out)
			if out.String() != tc.want || (err == nil) != (tc.failed == "") || err != nil && !strings.Contains(err.Error(), tc.failed) {
				t.Errorf("answer() = %q, %v, want %q, %q", out.String(), err, tc.want, tc.failed)
			}
		})
	}
}

// Every query of the documentation can be read.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	queries := regexp.MustCompile("(?m)^\\|[^|\n]+\\| `(\\{(?:namespace|service_name)[^`]*)` \\|$").FindAllStringSubmatch(string(text), -1)
	if len(queries) < 3 {
		t.Fatalf("only %d queries found in the documentation", len(queries))
	}
	for _, query := range queries {
		if _, err := (&Question{Query: strings.ReplaceAll(query[1], `\|`, "|")}).find(); err != nil {
			t.Error(err)
		}
	}
}
