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
	"context"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

func TestAnswer(t *testing.T) {
	s := newScenario(t)
	fn := test.NewPythonFunction(s.namespace, "greet", `
import os
import greeting

def handler(event, context):
    return {
        "message": greeting.of((event or {}).get("name", "world")),
        "method": context.method,
        "path": context.path,
        "color": os.environ["COLOR"],
    }
`)
	fn.Spec.Source.Inline.Files = map[string]string{"greeting.py": "def of(name):\n    return f'Hello, {name}!'\n"}
	fn.Spec.Env = []corev1.EnvVar{{Name: "COLOR", Value: "blue"}}
	fn = s.awaitReady(s.create(fn))

	if got, want := fn.Status.Phase, v1alpha1.PhaseReady; got != want {
		t.Errorf("Phase = %q, want %q", got, want)
	}
	if got := fn.Status.BuildStatus.ImageURI; !strings.Contains(got, "@sha256:") {
		t.Errorf("ImageURI = %q, want one by digest", got)
	}

	type answer struct{ Message, Method, Path, Color string }
	for name, call := range map[string]struct {
		method, path, body string
		want               answer
	}{
		"GET": {
			method: http.MethodGet, path: "/",
			want: answer{Message: "Hello, world!", Method: "GET", Path: "/", Color: "blue"},
		},
		"POST": {
			method: http.MethodPost, path: "/orders/7", body: `{"name": "Knative"}`,
			want: answer{Message: "Hello, Knative!", Method: "POST", Path: "/orders/7", Color: "blue"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scenario{T: t, namespace: s.namespace}
			request, err := http.NewRequestWithContext(interrupted, call.method, fn.Status.URL.String()+call.path, strings.NewReader(call.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			response := s.do(request)
			if response.Status != http.StatusOK {
				t.Fatalf("status = %d, want 200; body: %s", response.Status, response.Body)
			}
			var got answer
			s.decode(response.Body, &got)
			if got != call.want {
				t.Errorf("answer = %+v, want %+v", got, call.want)
			}
		})
	}
}

func TestHandlerError(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("fail", "def handler(event):\n    raise ValueError('a secret of the function')\n")

	response := s.get(fn)
	if response.Status != http.StatusInternalServerError {
		t.Errorf("status = %d, want %d", response.Status, http.StatusInternalServerError)
	}
	if strings.Contains(response.Body, "Traceback") || strings.Contains(response.Body, "main.py") {
		t.Errorf("the caller is told of the code: %s", response.Body)
	}
	// One error is not the end of an instance.
	if again := s.get(fn); again.Status != http.StatusInternalServerError {
		t.Errorf("status of a second call = %d, want %d", again.Status, http.StatusInternalServerError)
	}
}

func TestDelete(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("short-lived", answering("here"))
	if err := clients.DeleteFunction(interrupted, fn); err != nil {
		t.Fatal(err)
	}

	children := test.ChildrenOf(fn)
	all := metav1.ListOptions{}
	for kind, gone := range map[string]func(context.Context) error{
		"Knative Services": func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Serving.ServingV1().Services(s.namespace), all)
		},
		"Revisions": func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Serving.ServingV1().Revisions(s.namespace), all)
		},
		"TaskRuns": func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Tekton.TektonV1().TaskRuns(s.namespace), all)
		},
		"Services": func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Kube.CoreV1().Services(s.namespace), all)
		},
		"Pods": func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Kube.CoreV1().Pods(s.namespace), all)
		},
		// Every namespace has ConfigMaps of its own.
		"ConfigMaps": func(ctx context.Context) error {
			return test.AwaitNone(ctx, clients.Kube.CoreV1().ConfigMaps(s.namespace), children)
		},
	} {
		t.Run(kind, func(t *testing.T) {
			(&scenario{T: t, namespace: s.namespace}).wait(gone)
		})
	}
}
