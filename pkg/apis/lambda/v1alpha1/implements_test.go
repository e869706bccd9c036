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

	"knative.dev/pkg/apis/duck"
	duckv1 "knative.dev/pkg/apis/duck/v1"
)

func TestImplements(t *testing.T) {
	for kind, object := range map[string]any{"LambdaFunction": &LambdaFunction{}, "LambdaAgent": &LambdaAgent{}} {
		for name, iface := range map[string]duck.Implementable{
			"Conditions":  &duckv1.Conditions{},
			"Addressable": &duckv1.Addressable{},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				if err := duck.VerifyType(object, iface); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestLambdaAgentIsKRShaped(t *testing.T) {
	la := &LambdaAgent{Spec: LambdaAgentSpec{ServiceAccountName: "robot"}}
	if got, want := la.GetStatus(), &la.Status.Status; got != want {
		t.Errorf("GetStatus() = %p, want %p", got, want)
	}
	if got, want := la.GetConditionSet().GetTopLevelConditionType(), ConditionReady; got != want {
		t.Errorf("GetTopLevelConditionType() = %q, want %q", got, want)
	}
	if got, want := la.GetGroupVersionKind().String(), "lambda.knative.io/v1alpha1, Kind=LambdaAgent"; got != want {
		t.Errorf("GetGroupVersionKind() = %q, want %q", got, want)
	}
	if got, ok := la.GetUntypedSpec().(LambdaAgentSpec); !ok || got.ServiceAccountName != "robot" {
		t.Errorf("GetUntypedSpec() = %v", la.GetUntypedSpec())
	}
}

func TestLambdaFunctionIsKRShaped(t *testing.T) {
	fn := &LambdaFunction{Spec: LambdaFunctionSpec{ServiceAccountName: "robot"}}
	if got, want := fn.GetStatus(), &fn.Status.Status; got != want {
		t.Errorf("GetStatus() = %p, want %p", got, want)
	}
	if got, want := fn.GetConditionSet().GetTopLevelConditionType(), ConditionReady; got != want {
		t.Errorf("GetTopLevelConditionType() = %q, want %q", got, want)
	}
	if got, want := fn.GetGroupVersionKind().String(), "lambda.knative.io/v1alpha1, Kind=LambdaFunction"; got != want {
		t.Errorf("GetGroupVersionKind() = %q, want %q", got, want)
	}
	if got, ok := fn.GetUntypedSpec().(LambdaFunctionSpec); !ok || got.ServiceAccountName != "robot" {
		t.Errorf("GetUntypedSpec() = %v", fn.GetUntypedSpec())
	}
}
