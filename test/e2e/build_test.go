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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/ptr"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/config"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

const systemNamespace = "knative-lambda"

// TestNoNeedlessBuild changes all around a function but what goes into its image.
func TestNoNeedlessBuild(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("same", answering("same"))
	before := s.taskRuns(fn)

	s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Annotations = map[string]string{"example.com/note": "other"} })
	// The controller hears of edits in their order: once it has seen this one it has seen the one before.
	fn = s.awaitReady(s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Scaling.MaxReplicas = ptr.Int32(3) }))
	after := s.taskRuns(fn)

	if len(before) != 1 || len(after) != 1 || before[0].UID != after[0].UID {
		t.Errorf("TaskRuns = %d before and %d after, want the same one", len(before), len(after))
	}
	s.wantText(fn, "same")
}

// TestRebuild asks for the same image again, for example for the security updates of a base image.
func TestRebuild(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("again", answering("again"))
	edited := s.edit(fn, func(fn *v1alpha1.LambdaFunction) {
		fn.Annotations = map[string]string{lambda.RebuildAnnotationKey: "1"}
	})
	fn = s.awaitFunction(edited, func(present *v1alpha1.LambdaFunction) bool {
		return present.IsReady() && present.Status.BuildStatus.Key != fn.Status.BuildStatus.Key
	})
	s.wantText(fn, "again")
}

func TestPythonDependency(t *testing.T) {
	s := newScenario(t)
	fn := test.NewPythonFunction(s.namespace, "dependent", "import six\n\ndef handler(event):\n    return six.__version__\n")
	fn.Spec.Source.Inline.Dependencies = "six==1.17.0\n"
	fn = s.awaitReady(s.create(fn))
	s.wantText(fn, "1.17.0")
}

// TestBuildFailure asks for a dependency that is not to be had. The next edit mends it.
func TestBuildFailure(t *testing.T) {
	s := newScenario(t)
	fn := test.NewPythonFunction(s.namespace, "wanting", answering("mended"))
	fn.Spec.Source.Inline.Dependencies = "six==0.0.1.dev1\n"
	fn = s.awaitFunction(s.create(fn), func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
	})
	if built := fn.Status.GetCondition(v1alpha1.ConditionBuildReady); !built.IsFalse() || built.GetReason() != v1alpha1.ReasonDependencyNotFound ||
		!strings.Contains(built.GetMessage(), "six==0.0.1.dev1") {
		t.Errorf("BuildReady = %v, want it False with %s", built, v1alpha1.ReasonDependencyNotFound)
	}
	if got, want := fn.Status.Phase, v1alpha1.PhaseFailed; got != want {
		t.Errorf("Phase = %q, want %q", got, want)
	}

	fn = s.edit(fn, func(fn *v1alpha1.LambdaFunction) { fn.Spec.Source.Inline.Dependencies = "" })
	fn = s.awaitFunction(fn, (*v1alpha1.LambdaFunction).IsReady)
	s.wantText(fn, "mended")
}

// TestHandlerDoesNotLoad has code that fails on import: the function says why, in Python's words.
func TestHandlerDoesNotLoad(t *testing.T) {
	s := newScenario(t)
	fn := s.create(test.NewPythonFunction(s.namespace, "broken", "import no_such_module\n\ndef handler(event):\n    return 1\n"))
	fn = s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
	})
	const want = "ModuleNotFoundError: No module named 'no_such_module'"
	if got := fn.Status.GetCondition(v1alpha1.ConditionReady).GetMessage(); !strings.Contains(got, want) {
		t.Errorf("message of Ready = %q, want it to have %q", got, want)
	}
}

// TestRegistryNotConfigured takes the registry out of the operator's configuration. It runs alone: no build of others
// works meanwhile.
func TestRegistryNotConfigured(t *testing.T) {
	s := newScenario(t)
	configMaps := clients.Kube.CoreV1().ConfigMaps(systemNamespace)
	build, err := configMaps.Get(interrupted, config.BuildConfigName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	registry := build.Data["registry"]
	if registry == "" {
		t.Fatalf("ConfigMap %s names no registry: the other tests need one", config.BuildConfigName)
	}
	s.configure(config.BuildConfigName, map[string]string{"registry": ""})

	fn := s.awaitFunction(s.create(test.NewPythonFunction(s.namespace, "homeless", answering("home"))),
		func(fn *v1alpha1.LambdaFunction) bool {
			return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
		})
	if got, want := fn.Status.GetCondition(v1alpha1.ConditionReady).GetReason(), v1alpha1.ReasonRegistryNotConfigured; got != want {
		t.Errorf("reason = %q, want %q", got, want)
	}

	// The cause goes, and so does the failure, without an edit.
	s.configure(config.BuildConfigName, map[string]string{"registry": registry})
	fn = s.awaitFunction(fn, (*v1alpha1.LambdaFunction).IsReady)
	s.wantText(fn, "home")
}
