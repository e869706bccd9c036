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
	"strings"
	"testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// reproducibles are functions whose dependencies are of one version each.
func reproducibles(namespace string) map[string]*v1alpha1.LambdaFunction {
	python := test.NewPythonFunction(namespace, "same-python", "import requests\n\ndef handler(event):\n    return requests.__version__\n")
	python.Spec.Source.Inline.Dependencies = "requests==2.32.3\ncertifi==2024.8.30\ncharset-normalizer==3.4.0\nidna==3.10\nurllib3==2.2.3\n"
	node := test.NewNodeFunction(namespace, "same-node", "const ms = require('ms');\nexports.handler = () => String(ms('2 days'));\n")
	node.Spec.Source.Inline.Dependencies = `{"ms": "2.1.3"}`
	return map[string]*v1alpha1.LambdaFunction{
		"2.32.3":    python,
		"172800000": node,
		"same":      test.NewGoFunction(namespace, "same-go", "package main\n\nfunc Handler() string { return \"same\" }\n"),
	}
}

// digestOf is what was built last, without where it lies.
func digestOf(fn *v1alpha1.LambdaFunction) string {
	_, digest, _ := strings.Cut(fn.Status.BuildStatus.ImageURI, "@")
	return digest
}

// TestReproducible builds the same in two namespaces, which share no cache, and then once more in each, where the cache
// has the dependencies. All images are the same.
func TestReproducible(t *testing.T) {
	first, second := newScenario(t), newScenario(t)
	digests := map[string]string{}
	for _, s := range []*scenario{first, second} {
		functions := reproducibles(s.namespace)
		for answer, fn := range functions {
			functions[answer] = s.create(fn)
		}
		for answer, fn := range functions {
			fn = s.awaitReady(fn)
			s.wantText(fn, answer)
			got := digestOf(fn)
			if want, ok := digests[fn.Name]; ok && got != want {
				t.Errorf("%s: %q in namespace %s, want %q as in the other", fn.Name, got, s.namespace, want)
			}
			digests[fn.Name] = got

			before := fn.Status.BuildStatus.Key
			edited := s.edit(fn, func(fn *v1alpha1.LambdaFunction) {
				fn.Annotations = map[string]string{lambda.RebuildAnnotationKey: "1"}
			})
			fn = s.awaitFunction(edited, func(present *v1alpha1.LambdaFunction) bool {
				return present.IsReady() && present.Status.BuildStatus.Key != before
			})
			if again := digestOf(fn); again != got || got == "" {
				t.Errorf("%s: %q when it is built again, want %q", fn.Name, again, got)
			}
		}
	}
}
