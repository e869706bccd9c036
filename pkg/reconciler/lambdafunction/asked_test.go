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
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	clientgotesting "k8s.io/client-go/testing"
	rtesting "knative.dev/pkg/reconciler/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

// askedRows are about what annotations ask for: that a build ends, and that an earlier Revision serves.
func askedRows() rtesting.TableTest {
	return append(cancelRows(), rollbackRows()...)
}

func cancelRows() rtesting.TableTest {
	asks := WithFunctionAnnotation(lambda.CancelBuildAnnotationKey, buildOf(function()).Key())
	name := taskRunName(function())
	patch := clientgotesting.PatchActionImpl{
		ActionImpl: clientgotesting.ActionImpl{Namespace: "default"},
		Name:       name,
		Patch:      []byte(`{"spec":{"status":"TaskRunCancelled","statusMessage":"cancelled by annotation lambda.knative.io/cancel-build"}}`),
	}
	buildingNow := building(v1alpha1.ReasonBuildRunning, goingOn)
	over := func(fn *v1alpha1.LambdaFunction) {
		begun(fn)
		fn.Status.MarkBuildFailed(v1alpha1.ReasonBuildCancelled, buildCancelled)
		fn.Status.MarkWaitingForBuild()
		fn.Status.Summarize()
	}
	overAt := func(fn *v1alpha1.LambdaFunction) {
		over(fn)
		taskRun := taskRunOf(fn, cancelled)
		fn.Status.BuildStatus.StartedAt, fn.Status.BuildStatus.CompletedAt = taskRun.Status.StartTime, taskRun.Status.CompletionTime
	}
	again := function(asks, WithRebuild("again"))
	return rtesting.TableTest{{
		Name:        "cancel a build that goes on",
		Key:         key,
		Objects:     []runtime.Object{function(asks, buildingNow, startedAt(began)), planOf(function()), taskRunOf(function(), running)},
		WantPatches: []clientgotesting.PatchActionImpl{patch},
	}, {
		Name:         "cancel a build, which fails",
		Key:          key,
		Objects:      []runtime.Object{function(asks, buildingNow, startedAt(began)), planOf(function()), taskRunOf(function(), running)},
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("patch", "taskruns")},
		WantErr:      true,
		WantPatches:  []clientgotesting.PatchActionImpl{patch},
		WantEvents:   []string{warning("InternalError", "failed to cancel TaskRun %q: inducing failure for patch taskruns", name)},
	}, {
		Name:    "a cancelled build is cancelled once",
		Key:     key,
		Objects: []runtime.Object{function(asks, buildingNow, startedAt(began)), planOf(function()), taskRunOf(function(), running, WithTaskRunCancelled(asked))},
	}, {
		Name:              "a cancelled build has ended",
		Key:               key,
		Objects:           []runtime.Object{function(asks, buildingNow, startedAt(began)), planOf(function()), taskRunOf(function(), cancelled, WithTaskRunCancelled(asked))},
		WantStatusUpdates: statusUpdate(function(asks, overAt)),
	}, {
		Name:              "a cancelled build is not made again when its TaskRun is gone",
		Key:               key,
		Objects:           []runtime.Object{function(asks, overAt)},
		WantStatusUpdates: statusUpdate(function(asks, over)),
	}, {
		Name:    "a build that was there before it could be cancelled serves",
		Key:     key,
		Objects: []runtime.Object{function(asks, deployed(WithServiceReady)), planOf(function()), taskRunOf(function(), succeeded), serviceOf(function(), WithServiceReady)},
	}, {
		Name:              "another build after a cancelled one",
		Key:               key,
		Objects:           []runtime.Object{function(asks, WithRebuild("again"), func(fn *v1alpha1.LambdaFunction) { fn.Status = function(overAt).Status })},
		WantCreates:       []runtime.Object{planOf(again), taskRunOf(again)},
		WantEvents:        []string{normal("Created", "Created TaskRun %q", taskRunName(again))},
		WantStatusUpdates: statusUpdate(function(asks, WithRebuild("again"), building(v1alpha1.ReasonQueued, placeOne))),
	}}
}

func rollbackRows() rtesting.TableTest {
	const to = "hello-00001"
	asks := WithFunctionAnnotation(lambda.RollbackAnnotationKey, to)
	updated := []string{normal("Updated", "Updated Knative Service %q", "hello")}
	rolledBack := func(s *servingv1.Service) { resources.ApplyRollback(s, function(asks)) }
	carriedOut := func(s *servingv1.Service) {
		rolledBack(s)
		s.Status.Traffic = s.Spec.Traffic
	}
	forward := func(s *servingv1.Service) { carriedOut(s); resources.ApplyRollback(s, function()) }
	others := func(s *servingv1.Service) {
		rolledBack(s)
		s.Spec.Traffic[0].RevisionName = "hello-00009"
	}
	after := func(s *servingv1.Service) { others(s); resources.ApplyRollback(s, function()) }
	waiting := func(fn *v1alpha1.LambdaFunction) {
		begun(fn)
		fn.Status.BuildStatus.StartedAt = taskRunOf(fn, running).Status.StartTime
		fn.Status.MarkBuildRunning(v1alpha1.ReasonBuildRunning, fmt.Sprintf(goingOn, taskRunName(fn)))
	}
	return rtesting.TableTest{{
		// That it is done is said when Knative says so.
		Name:        "roll back",
		Key:         key,
		Objects:     []runtime.Object{function(asks, deployed(WithServiceReady)), taskRunOf(function(), succeeded), planOf(function()), serviceOf(function(), WithServiceReady)},
		WantUpdates: []clientgotesting.UpdateActionImpl{{Object: serviceOf(function(), WithServiceReady, rolledBack)}},
		WantEvents:  updated,
	}, {
		Name:    "rolling back",
		Key:     key,
		Objects: []runtime.Object{function(asks, deployed(WithServiceReady, rolledBack)), taskRunOf(function(), succeeded), planOf(function()), serviceOf(function(), WithServiceReady, rolledBack)},
	}, {
		Name:              "rolled back",
		Key:               key,
		Objects:           []runtime.Object{function(asks, deployed(WithServiceReady, rolledBack)), taskRunOf(function(), succeeded), planOf(function()), serviceOf(function(), WithServiceReady, carriedOut)},
		WantStatusUpdates: statusUpdate(function(asks, deployed(WithServiceReady, carriedOut))),
	}, {
		Name:              "forward again",
		Key:               key,
		Objects:           []runtime.Object{function(deployed(WithServiceReady, carriedOut)), taskRunOf(function(), succeeded), planOf(function()), serviceOf(function(), WithServiceReady, carriedOut)},
		WantUpdates:       []clientgotesting.UpdateActionImpl{{Object: serviceOf(function(), WithServiceReady, forward)}},
		WantEvents:        updated,
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady, forward))),
	}, {
		Name:        "forward again, where others have set the traffic since",
		Key:         key,
		Objects:     []runtime.Object{function(deployed(WithServiceReady, others)), taskRunOf(function(), succeeded), planOf(function()), serviceOf(function(), WithServiceReady, others)},
		WantUpdates: []clientgotesting.UpdateActionImpl{{Object: serviceOf(function(), WithServiceReady, after)}},
		WantEvents:  updated,
	}, {
		Name: "roll back while another image is built",
		Key:  key,
		Objects: []runtime.Object{
			function(asks, codeB, waiting, WithService(serviceOf(function(codeA), WithServiceReady), false), summarized), planOf(function(codeB)), taskRunOf(function(codeB), running),
			serviceOf(function(codeA), WithServiceReady),
		},
		WantUpdates: []clientgotesting.UpdateActionImpl{{Object: serviceOf(function(codeA), WithServiceReady, rolledBack)}},
		WantEvents:  updated,
	}}
}
