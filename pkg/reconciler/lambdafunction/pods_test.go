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

package lambdafunction

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"knative.dev/pkg/ptr"
	rtesting "knative.dev/pkg/reconciler/testing"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/serving"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

func container(state corev1.ContainerState) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "user-container", State: state}
}

func exited(message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: message}}
}

func waiting(reason string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "100% wrong"}}
}

// inState is a pod with a condition.
func inState(pod *corev1.Pod, kind corev1.PodConditionType, status corev1.ConditionStatus, reason string) *corev1.Pod {
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: status, Reason: reason, Message: "100% full"})
	return pod
}

// startingRows are about a Revision that does not start, which Knative is slow to say.
func startingRows() rtesting.TableTest {
	const revision = "hello-00002"
	fn := function()
	starting := []ServiceOption{
		WithRevisions(revision, "hello-00001"), WithConfiguration(corev1.ConditionUnknown, "", ""), WithRoute(corev1.ConditionTrue, "", ""),
	}
	crashing := container(waiting("CrashLoopBackOff"))
	crashing.LastTerminationState = exited("ModuleNotFoundError: No module named 'foo'")
	since := func(running time.Duration) corev1.ContainerStatus {
		return container(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Time{Time: now(context.Background()).Add(-running)}}})
	}
	queueProxy := corev1.ContainerStatus{Name: serving.QueueProxy, State: exited("not the function's"), Ready: false}
	var rows rtesting.TableTest
	for _, tc := range []struct {
		name string
		pods []runtime.Object
		want string
		// reason is of what may pass.
		reason string
	}{{
		name: "no pod yet",
	}, {
		name: "container exited",
		pods: []runtime.Object{Pod(fn, revision, "a", container(exited("SyntaxError: 100%")))},
		want: "The container exited with code 1: SyntaxError: 100%",
	}, {
		name: "container exited without a word",
		pods: []runtime.Object{Pod(fn, revision, "a", container(exited("")))},
		want: "The container exited with code 1 (Error).",
	}, {
		name: "container about to be tried again",
		pods: []runtime.Object{Pod(fn, revision, "a", crashing)},
		want: "The container exited with code 1: ModuleNotFoundError: No module named 'foo'",
	}, {
		name: "container that cannot be made",
		pods: []runtime.Object{Pod(fn, revision, "a", container(waiting("ImagePullBackOff")))},
		want: "The container does not start: ImagePullBackOff: 100% wrong",
	}, {
		name: "container that is being made",
		pods: []runtime.Object{Pod(fn, revision, "a", container(waiting("ContainerCreating")))},
	}, {
		name: "only the queue proxy exited",
		pods: []runtime.Object{Pod(fn, revision, "a", queueProxy, container(waiting("PodInitializing")))},
	}, {
		name: "another pod is ready",
		pods: []runtime.Object{Pod(fn, revision, "a", crashing), inState(Pod(fn, revision, "b", since(time.Minute)), corev1.PodReady, corev1.ConditionTrue, "")},
	}, {
		name: "container that runs for a while and does not answer",
		pods: []runtime.Object{Pod(fn, revision, "a", queueProxy, since(serving.AnswerPatience))},
		want: "The container runs, and is still loading the function's code: what its modules do when they are loaded takes long.", reason: v1alpha1.ReasonNotAnswering,
	}, {
		name: "container that has just begun to run",
		pods: []runtime.Object{Pod(fn, revision, "a", since(serving.AnswerPatience-time.Second))},
	}, {
		name: "one container does not answer, another one exited",
		pods: []runtime.Object{Pod(fn, revision, "a", since(time.Minute)), Pod(fn, revision, "b", crashing)},
		want: "The container exited with code 1: ModuleNotFoundError: No module named 'foo'",
	}, {
		name: "pod that fits no node",
		pods: []runtime.Object{inState(Pod(fn, revision, "a"), corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonUnschedulable)},
		want: "No node has room for the function: lower spec.resources.requests, or add a node. 100% full", reason: v1alpha1.ReasonUnschedulable,
	}, {
		name: "pod of the Revision before",
		pods: []runtime.Object{Pod(fn, "hello-00001", "a", crashing)},
	}, {
		name: "pod of another function",
		pods: []runtime.Object{Change(Pod(LambdaFunction("other", "default"), revision, "a", crashing))},
	}} {
		options := []FunctionOption{deployed(starting...)}
		switch {
		case tc.reason != "":
			options = append(options, WithRevisionHindered(tc.reason, tc.want), summarized)
		case tc.want != "":
			options = append(options, WithRevisionFailed(tc.want), summarized)
		}
		rows = append(rows, rtesting.TableRow{
			Name: tc.name,
			Key:  key,
			Objects: append([]runtime.Object{
				function(deployed(WithServiceReady, WithRevisions("hello-00001", "hello-00001"))), serviceOf(fn, starting...),
			}, tc.pods...),
			WantStatusUpdates: statusUpdate(function(options...)),
		})
	}
	outOfDate := []ServiceOption{
		WithRevisions(revision, "hello-00001"), WithConfiguration(corev1.ConditionUnknown, "OutOfDate", ""), WithRoute(corev1.ConditionTrue, "", ""),
	}
	givenUp := []ServiceOption{
		WithRevisions(revision, "hello-00001"), WithConfiguration(corev1.ConditionFalse, "RevisionFailed", "0/1 nodes"), WithRoute(corev1.ConditionTrue, "", ""),
	}
	return append(rows, rtesting.TableRow{
		Name:              "Revision that is not that of the present spec",
		Key:               key,
		Objects:           []runtime.Object{function(built), serviceOf(fn, outOfDate...), Pod(fn, revision, "a", crashing)},
		WantStatusUpdates: statusUpdate(function(deployed(outOfDate...))),
	}, rtesting.TableRow{
		Name: "Knative says of a pod that fits no node that it failed",
		Key:  key,
		Objects: []runtime.Object{
			function(built), serviceOf(fn, givenUp...),
			inState(Pod(fn, revision, "a"), corev1.PodScheduled, corev1.ConditionFalse, corev1.PodReasonUnschedulable),
		},
		WantStatusUpdates: statusUpdate(function(deployed(givenUp...),
			WithRevisionHindered(v1alpha1.ReasonUnschedulable, "No node has room for the function: lower spec.resources.requests, or add a node. 100% full"), summarized)),
	}, rtesting.TableRow{
		Name:              "no Revision yet",
		Key:               key,
		Objects:           []runtime.Object{function(built), serviceOf(fn), Pod(fn, "", "a", crashing)},
		WantStatusUpdates: statusUpdate(function(deployed())),
	}, rtesting.TableRow{
		Name: "Revision that started after all",
		Key:  key,
		Objects: []runtime.Object{
			function(deployed(starting...), WithRevisionFailed("The container exited with code 1 (Error)."), summarized),
			serviceOf(fn, WithServiceReady, WithRevisions(revision, revision)), Pod(fn, revision, "a", since(time.Minute)),
		},
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady, WithRevisions(revision, revision)))),
	})
}

func TestSilent(t *testing.T) {
	image := function()
	image.Spec.Source = v1alpha1.SourceSpec{Type: v1alpha1.SourceTypeImage, Image: &v1alpha1.ImageSource{Port: ptr.Int32(3000)}}
	const want = "The container runs, and nothing in it listens at port 3000: set spec.source.image.port to where it does."
	if got := silent(image); got != want {
		t.Errorf("silent() of a ready image = %q, want %q", got, want)
	}
}
