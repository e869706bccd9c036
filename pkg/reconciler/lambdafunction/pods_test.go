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
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	rtesting "knative.dev/pkg/reconciler/testing"

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

// startingRows are about a Revision that does not start, which Knative is slow to say.
func startingRows() rtesting.TableTest {
	const revision = "hello-00002"
	fn := function()
	starting := []ServiceOption{
		WithRevisions(revision, "hello-00001"), WithConfiguration(corev1.ConditionUnknown, "", ""), WithRoute(corev1.ConditionTrue, "", ""),
	}
	crashing := container(waiting("CrashLoopBackOff"))
	crashing.LastTerminationState = exited("ModuleNotFoundError: No module named 'foo'")
	ready := container(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}})
	ready.Ready = true
	queueProxy := corev1.ContainerStatus{Name: queueProxy, State: exited("not the function's"), Ready: false}
	var rows rtesting.TableTest
	for _, tc := range []struct {
		name string
		pods []runtime.Object
		want string
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
		pods: []runtime.Object{Pod(fn, revision, "a", crashing), Pod(fn, revision, "b", ready)},
	}, {
		name: "pod of the Revision before",
		pods: []runtime.Object{Pod(fn, "hello-00001", "a", crashing)},
	}, {
		name: "pod of another function",
		pods: []runtime.Object{Change(Pod(LambdaFunction("other", "default"), revision, "a", crashing))},
	}} {
		options := []FunctionOption{deployed(starting...)}
		if tc.want != "" {
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
	return append(rows, rtesting.TableRow{
		Name:              "Revision that is not that of the present spec",
		Key:               key,
		Objects:           []runtime.Object{function(built), serviceOf(fn, outOfDate...), Pod(fn, revision, "a", crashing)},
		WantStatusUpdates: statusUpdate(function(deployed(outOfDate...))),
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
			serviceOf(fn, WithServiceReady, WithRevisions(revision, revision)), Pod(fn, revision, "a", ready),
		},
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady, WithRevisions(revision, revision)))),
	})
}
