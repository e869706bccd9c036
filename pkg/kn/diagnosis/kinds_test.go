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

package diagnosis

import (
	"strings"
	"testing"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"knative.dev/pkg/apis"
	duckv1 "knative.dev/pkg/apis/duck/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/buildqueue"
)

// TestTurnsAreThoseOfTheQueue holds that a TaskRun that is read as JSON waits and runs where the queue says so.
func TestTurnsAreThoseOfTheQueue(t *testing.T) {
	deleted := ago(0)
	for _, succeeded := range []corev1.ConditionStatus{"", corev1.ConditionUnknown, corev1.ConditionTrue, corev1.ConditionFalse} {
		for _, status := range []tektonv1.TaskRunSpecStatus{"", tektonv1.TaskRunSpecStatusPending, tektonv1.TaskRunSpecStatusCancelled} {
			for _, deleting := range []bool{false, true} {
				typed := &tektonv1.TaskRun{}
				typed.Spec.Status = status
				if succeeded != "" {
					typed.Status.Conditions = duckv1.Conditions{condition(apis.ConditionSucceeded, succeeded, "", "")}
				}
				if deleting {
					typed.DeletionTimestamp = &deleted
				}
				object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
				if err != nil {
					t.Fatal("ToUnstructured() =", err)
				}
				var read TaskRun
				if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &read); err != nil {
					t.Fatal("FromUnstructured() =", err)
				}
				if got, want := read.Waiting(), buildqueue.Waiting(typed); got != want {
					t.Errorf("Waiting() of %q, %q, deleting %t = %t", status, succeeded, deleting, got)
				}
				if got, want := read.running(), buildqueue.Running(typed); got != want {
					t.Errorf("running() of %q, %q, deleting %t = %t", status, succeeded, deleting, got)
				}
			}
		}
	}
}

// TestOtherFields holds that an object whose fields are not what they should be is said to be unseen.
func TestOtherFields(t *testing.T) {
	for kind, tc := range map[string]struct {
		fn     *v1alpha1.LambdaFunction
		object map[string]any
	}{
		"TaskRun": {
			fn: function("a", building("a", v1alpha1.ReasonBuildRunning, "It builds.")),
			object: map[string]any{
				"apiVersion": "tekton.dev/v1", "metadata": map[string]any{"namespace": namespace, "name": taskRunName("a")},
				"status": map[string]any{"podName": map[string]any{}},
			},
		},
		"Trigger": {
			fn: wanting("a", corev1.ConditionFalse, v1alpha1.ReasonTriggerNotReady, "It is not ready."),
			object: map[string]any{
				"apiVersion": "eventing.knative.dev/v1",
				"metadata":   map[string]any{"namespace": namespace, "name": "a", "labels": map[string]any{lambda.FunctionLabelKey: "a"}},
				"spec":       map[string]any{"broker": map[string]any{}},
			},
		},
	} {
		tc.object["kind"] = kind
		clients := newFakes(t, "", tc.fn).Clients
		clients.Dynamic = dynamicfake.NewSimpleDynamicClient(runtime.NewScheme(), &unstructured.Unstructured{Object: tc.object})
		f, err := Explain(t.Context(), clients, namespace, "a")
		if err != nil || len(f.Unseen) != 1 || !strings.HasPrefix(f.Unseen[0], kind+"s of namespace shop: ") {
			t.Errorf("Explain() with a broken %s = %+v, %v", kind, f, err)
		}
	}
}
