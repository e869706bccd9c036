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

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

func TestGoFunction(t *testing.T) {
	s := newScenario(t)
	fn := s.awaitReady(s.create(test.NewGoFunction(s.namespace, "hello-go", "package main\n\nfunc Handler() string { return \"hello\" }\n")))
	s.wantText(fn, "hello")

	fn = s.awaitReady(s.edit(fn, func(fn *v1alpha1.LambdaFunction) {
		fn.Spec.Source.Inline.Code = "package main\n\nfunc Handler() string { return \"again\" }\n"
	}))
	s.wantText(fn, "again")
}

func TestGoDependency(t *testing.T) {
	s := newScenario(t)
	fn := test.NewGoFunction(s.namespace, "dependent-go", `package main

import "github.com/google/uuid"

func Handler() string { return uuid.NewSHA1(uuid.NameSpaceOID, []byte("a")).Version().String() }
`)
	fn.Spec.Source.Inline.Dependencies = "github.com/google/uuid v1.6.0\n"
	fn = s.awaitReady(s.create(fn))
	s.wantText(fn, "VERSION_5")
}

// TestGoHandlerNotFound has code without the handler: the function says so before anything is compiled.
func TestGoHandlerNotFound(t *testing.T) {
	s := newScenario(t)
	fn := s.create(test.NewGoFunction(s.namespace, "without-handler", "package main\n\nfunc other() {}\n"))
	fn = s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
	})
	built := fn.Status.GetCondition(v1alpha1.ConditionBuildReady)
	if got, want := built.GetReason(), "HandlerNotFound"; got != want {
		t.Errorf("reason = %q, want %q", got, want)
	}
	if want := "has no function or variable Handler"; !strings.Contains(built.GetMessage(), want) {
		t.Errorf("message = %q, want it to have %q", built.GetMessage(), want)
	}
}
