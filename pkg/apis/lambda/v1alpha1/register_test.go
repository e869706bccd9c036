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

package v1alpha1

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestRegister(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal("AddToScheme() =", err)
	}
	for kind, object := range map[string]runtime.Object{
		"LambdaFunction":     &LambdaFunction{},
		"LambdaFunctionList": &LambdaFunctionList{},
		"LambdaAgent":        &LambdaAgent{},
		"LambdaAgentList":    &LambdaAgentList{},
	} {
		got, _, err := scheme.ObjectKinds(object)
		if err != nil {
			t.Errorf("ObjectKinds(%T) = %v", object, err)
			continue
		}
		want := []schema.GroupVersionKind{{Group: "lambda.knative.io", Version: "v1alpha1", Kind: kind}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ObjectKinds(%T) (-want, +got): %s", object, diff)
		}
	}
}

func TestKindAndResource(t *testing.T) {
	if got, want := Kind("LambdaFunction").String(), "LambdaFunction.lambda.knative.io"; got != want {
		t.Errorf("Kind() = %q, want %q", got, want)
	}
	if got, want := Resource("lambdafunctions").String(), "lambdafunctions.lambda.knative.io"; got != want {
		t.Errorf("Resource() = %q, want %q", got, want)
	}
}
