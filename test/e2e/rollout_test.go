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
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/serving/pkg/apis/serving"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/test"
)

// requestsPerSecond is the load under which no request may fail.
const requestsPerSecond = 50

func TestEditWithoutFailedRequest(t *testing.T) {
	s := newScenario(t)
	fn := test.NewPythonFunction(s.namespace, "rolling", answering("one"))
	fn.Spec.Scaling.ScaleToZeroGracePeriod = &metav1.Duration{}
	fn = s.awaitReady(s.create(fn))
	s.shortenWindow(fn)

	stream := test.StartStream(interrupted, caller, fn.Status.URL.String(), requestsPerSecond)
	s.awaitAnswer(stream, "one")
	for _, version := range []string{"two", "three"} {
		next := stream.First(version)
		fn = s.awaitReady(s.editCode(fn, answering(version)))
		s.await(next, "the answer "+version)
	}
	// Requests are in danger as well when the instances before go away.
	s.awaitInstances(fn, func(pods []*corev1.Pod) bool { return all(pods, ofRevision(fn.Status.ServiceStatus.LatestRevision)) })
	sent := stream.Stop()

	if len(sent.Failures) > 0 {
		t.Errorf("%d of %d requests failed, the first: %s", len(sent.Failures), sent.Requests, sent.Failures[0])
	}
	t.Logf("%d requests, answers: %v", sent.Requests, sent.Answers)
}

// TestBrokenEdit edits a function so that it does not load: what served goes on, and the next edit mends it.
func TestBrokenEdit(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("sturdy", answering("whole"))

	broken := s.awaitFunction(s.editCode(fn, "import no_such_module\n"), func(fn *v1alpha1.LambdaFunction) bool {
		return fn.Status.GetCondition(v1alpha1.ConditionReady).IsFalse()
	})
	s.wantText(broken, "whole")

	mended := s.awaitFunction(s.editCode(broken, answering("mended")), (*v1alpha1.LambdaFunction).IsReady)
	s.wantText(mended, "mended")
}

// TestQuickEdits edits faster than builds are: the last one serves, and nothing goes on building what is outdated.
func TestQuickEdits(t *testing.T) {
	s := newScenario(t)
	fn := s.create(test.NewPythonFunction(s.namespace, "hasty", answering("edit 0")))
	const edits = 20
	for i := 1; i <= edits; i++ {
		fn = s.editCode(fn, answering(fmt.Sprintf("edit %d", i)))
	}
	fn = s.awaitReady(fn)
	s.wantText(fn, fmt.Sprintf("edit %d", edits))

	for _, taskRun := range s.taskRuns(fn) {
		if taskRun.Name != fn.Status.BuildStatus.JobName && !taskRun.IsDone() && !taskRun.IsCancelled() {
			t.Errorf("TaskRun %q builds what nobody wants any more", taskRun.Name)
		}
	}
}

// TestEditAndBack edits a function and takes the edit back while its build runs.
func TestEditAndBack(t *testing.T) {
	s := newScenario(t)
	fn := s.createReady("undecided", answering("one"))
	s.awaitReady(s.editCode(s.editCode(fn, answering("two")), answering("one")))
	s.wantText(fn, "one")
	s.awaitReady(s.editCode(fn, answering("two")))
	s.wantText(fn, "two")
}

func all(pods []*corev1.Pod, is func(*corev1.Pod) bool) bool {
	for _, pod := range pods {
		if !is(pod) {
			return false
		}
	}
	return true
}

func ofRevision(name string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return pod.Labels[serving.RevisionLabelKey] == name }
}
