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
	"strings"
	"testing"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// fault is a function that is not ready, why, and what mends it: the same object goes on.
type fault struct {
	function *v1alpha1.LambdaFunction
	reason   string
	// message is part of the condition's message.
	message string
	// mend takes the cause away, outside of the function or in its spec.
	mend func(*v1alpha1.LambdaFunction)
}

// shown is true once the condition tells of the fault.
func (f *fault) shown(ready *apis.Condition) bool {
	return ready.GetReason() == f.reason && strings.Contains(ready.GetMessage(), f.message)
}

// outside is what mends a function without an edit of it.
func outside(mend func()) func(*v1alpha1.LambdaFunction) {
	return func(*v1alpha1.LambdaFunction) { mend() }
}

// editing mends a function by an edit of its spec.
func (s *scenario) editing(change func(*v1alpha1.LambdaFunctionSpec)) func(*v1alpha1.LambdaFunction) {
	return func(fn *v1alpha1.LambdaFunction) {
		s.edit(fn, func(fn *v1alpha1.LambdaFunction) { change(&fn.Spec) })
	}
}

// recoding mends a function by other code.
func (s *scenario) recoding(code string) func(*v1alpha1.LambdaFunction) {
	return s.editing(func(spec *v1alpha1.LambdaFunctionSpec) {
		spec.Source.Inline = &v1alpha1.InlineSource{Code: code}
	})
}

// playAll has functions fail for what is outside of them, or in them: each says why, and becomes ready once the cause is
// gone. A test has no more of them than a small cluster has room for.
func (s *scenario) playAll(faults []fault) {
	s.Helper()
	for i := range faults {
		faults[i].function = s.create(faults[i].function)
	}
	for _, f := range faults {
		s.wantFault(f)
	}
	for _, f := range faults {
		f.mend(f.function)
	}
	for _, f := range faults {
		s.awaitMended(f.function)
	}
}

func TestFaultsOfObjects(t *testing.T) {
	s := newScenario(t)
	s.playAll(s.objectFaults())
}

func TestFaultsOfRepositories(t *testing.T) {
	s := newScenario(t)
	s.playAll(s.gitFaults())
}

func TestFaultsOfCode(t *testing.T) {
	s := newScenario(t)
	s.playAll(s.codeFaults())
}

func TestFaultsOfBuilds(t *testing.T) {
	s := newScenario(t)
	s.playAll(s.buildFaults())
}

func TestFaultsOfInstances(t *testing.T) {
	s := newScenario(t)
	s.playAll(s.deployFaults())
}

func TestFaultsOfImages(t *testing.T) {
	s := newScenario(t)
	s.playAll(s.imageFaults())
}

// wantFault waits until the function is not ready for the reason of the fault, and says so. It may have had others before: a
// server that has just started is not reached by all at once, and a small node may have no room for a moment.
func (s *scenario) wantFault(f fault) {
	s.Helper()
	var last *v1alpha1.LambdaFunction
	ctx, cancel := context.WithTimeout(interrupted, patience)
	defer cancel()
	fn, err := clients.AwaitFunction(ctx, f.function, func(fn *v1alpha1.LambdaFunction) (bool, error) {
		last = fn
		return f.shown(fn.Status.GetCondition(v1alpha1.ConditionReady)), nil
	})
	if err != nil && last != nil {
		fn = last
	} else if err != nil {
		s.Errorf("%s: %v", f.function.Name, err)
		return
	}
	ready := fn.Status.GetCondition(v1alpha1.ConditionReady)
	if !f.shown(ready) {
		s.Errorf("%s: Ready = %s %q, want %s with %q", fn.Name, ready.GetReason(), ready.GetMessage(), f.reason, f.message)
	}
	s.wantWhy(fn, f)
	if strings.Contains(ready.GetMessage(), password) {
		s.Errorf("%s: message of Ready = %q, which tells a password", fn.Name, ready.GetMessage())
	}
	since, cause := fn.CreationTimestamp.Time, "it was created"
	if build := fn.Status.BuildStatus; build != nil && build.CompletedAt != nil {
		since, cause = build.CompletedAt.Time, "its build ended"
	}
	s.Logf("%-16s %-26s %3.0f s after %s: %.200s", fn.Name, ready.GetReason(),
		ready.LastTransitionTime.Inner.Sub(since).Seconds(), cause, ready.GetMessage())
}

// TestBuildCancelled has a user cancel a build, and ask for another.
func TestBuildCancelled(t *testing.T) {
	s := newScenario(t)
	before, err := s.scrape(interrupted)
	if err != nil {
		t.Fatal(err)
	}
	fn := s.create(test.NewPythonFunction(s.namespace, "cancelled", answering("again")))
	s.awaitTaskRun(fn, func(*tektonv1.TaskRun) bool { return true })
	const patch = `{"spec":{"status":"` + tektonv1.TaskRunSpecStatusCancelled + `"}}`
	for _, taskRun := range s.taskRuns(fn) {
		_, err := clients.Tekton.TektonV1().TaskRuns(s.namespace).Patch(interrupted, taskRun.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		if err != nil {
			t.Fatalf("Failed to cancel TaskRun %q: %v", taskRun.Name, err)
		}
	}
	fn = s.awaitFunction(fn, func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionReady).GetReason() == v1alpha1.ReasonBuildCancelled
	})
	s.awaitGrown(before, samples{`build_events_total{status="cancelled"}`: 1})
	fn = s.edit(fn, func(fn *v1alpha1.LambdaFunction) {
		fn.Annotations = map[string]string{lambda.RebuildAnnotationKey: "1"}
	})
	s.wantText(s.awaitMended(fn), "again")
}
