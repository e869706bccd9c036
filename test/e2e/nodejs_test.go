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
	"net/http"
	"strings"
	"testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

func TestNodeFunction(t *testing.T) {
	s := newScenario(t)
	fn := test.NewNodeFunction(s.namespace, "greet-node", `
const { greet } = require('./lib/greet');

exports.handler = async (data, context) => ({ message: greet(data?.name ?? 'world'), path: context.path });
`)
	fn.Spec.Source.Inline.Files = map[string]string{"lib/greet.js": "exports.greet = (name) => `Hello, ${name}!`;\n"}
	fn = s.awaitReady(s.create(fn))

	request, err := http.NewRequestWithContext(interrupted, http.MethodPost, fn.Status.URL.String()+"/orders/7", strings.NewReader(`{"name": "Knative"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	var got struct{ Message, Path string }
	response := s.do(request)
	s.decode(response.Body, &got)
	if response.Status != http.StatusOK || got.Message != "Hello, Knative!" || got.Path != "/orders/7" {
		t.Errorf("answer = %d %s", response.Status, response.Body)
	}
}

func TestNodeDependency(t *testing.T) {
	s := newScenario(t)
	fn := test.NewNodeFunction(s.namespace, "dependent-node", "const ms = require('ms');\nexports.handler = () => String(ms('2 days'));\n")
	fn.Spec.Source.Inline.Dependencies = `{"ms": "2.1.3"}`
	fn = s.awaitReady(s.create(fn))
	s.wantText(fn, "172800000")
}

// TestNodeHandlerDoesNotLoad has code that fails when it is loaded: the function says why, in Node.js's words.
func TestNodeHandlerDoesNotLoad(t *testing.T) {
	s := newScenario(t)
	fn := s.create(test.NewNodeFunction(s.namespace, "broken-node", "const x = require('no-such-module');\nexports.handler = () => 1;\n"))
	fn = s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
	})
	const want = "Error: Cannot find module 'no-such-module' (index.js, line 1)"
	if got := fn.Status.GetCondition(v1alpha1.ConditionReady).GetMessage(); !strings.Contains(got, want) {
		t.Errorf("message of Ready = %q, want it to have %q", got, want)
	}
}
