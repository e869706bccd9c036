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
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgotesting "k8s.io/client-go/testing"
	"knative.dev/pkg/kmeta"
	rtesting "knative.dev/pkg/reconciler/testing"
	servingv1 "knative.dev/serving/pkg/apis/serving/v1"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	. "github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/testing/v1alpha1"
)

const (
	beingMade = "The TaskRun is being made."
	// placeOne says nothing of the TaskRun's name.
	placeOne = "%.0sWaiting for its turn: place 1 in the queue. ConfigMap config-build allows 10 builds at once " +
		"(max-concurrent-builds), and 5 in a namespace (max-concurrent-builds-per-namespace)."
	podNotStarted = "The pod of TaskRun %q has not started."
	goingOn       = "TaskRun %q is building the image."
	goingAway     = "TaskRun %q is going away, to be made anew."
)

// planRows are about the ConfigMap that the TaskRun mounts.
func planRows() rtesting.TableTest {
	name := taskRunName(function())
	pending := statusUpdate(function(building(v1alpha1.ReasonQueued, placeOne)))
	notOwned := statusUpdate(function(WithObserved(1), WithSourceReady, WithBuildNotOwned("ConfigMap", name), WithWaitingForBuild, summarized))
	notOwnedEvent := []string{warning("InternalError", "LambdaFunction %q does not own ConfigMap %q", "hello", name)}
	planned := statusUpdate(function(WithObserved(1), WithSourceReady,
		WithBuildRunning(v1alpha1.ReasonBuildPending, beingMade), WithWaitingForBuild, summarized))
	otherContent := func(cm *corev1.ConfigMap) { cm.Data = map[string]string{"plan.json": "{}"} }
	return rtesting.TableTest{{
		Name:              "first create",
		Key:               key,
		Objects:           []runtime.Object{function()},
		WantCreates:       []runtime.Object{planOf(function()), taskRunOf(function())},
		WantEvents:        []string{normal("Created", "Created TaskRun %q", name)},
		WantStatusUpdates: pending,
	}, {
		Name:              "plan made by a reconcile that did not come to the TaskRun",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function())},
		WantCreates:       []runtime.Object{taskRunOf(function())},
		WantEvents:        []string{normal("Created", "Created TaskRun %q", name)},
		WantStatusUpdates: pending,
	}, {
		Name:              "plan that the informer has not seen",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function(), WithoutLabels)},
		WantCreates:       []runtime.Object{planOf(function()), taskRunOf(function())},
		WantEvents:        []string{normal("Created", "Created TaskRun %q", name)},
		WantStatusUpdates: pending,
	}, {
		Name:              "plan cannot be created",
		Key:               key,
		Objects:           []runtime.Object{function()},
		WithReactors:      []clientgotesting.ReactionFunc{rtesting.InduceFailure("create", "configmaps")},
		WantErr:           true,
		WantCreates:       []runtime.Object{planOf(function())},
		WantEvents:        []string{warning("InternalError", "failed to create ConfigMap %q: inducing failure for create configmaps", name)},
		WantStatusUpdates: planned,
	}, {
		Name:              "plan that is there cannot be read",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function(), WithoutLabels)},
		WithReactors:      []clientgotesting.ReactionFunc{rtesting.InduceFailure("get", "configmaps")},
		WantErr:           true,
		WantCreates:       []runtime.Object{planOf(function())},
		WantEvents:        []string{warning("InternalError", "failed to create ConfigMap %q: inducing failure for get configmaps", name)},
		WantStatusUpdates: planned,
	}, {
		Name:              "plan of somebody else",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function(), WithoutOwner)},
		WantErr:           true,
		WantEvents:        notOwnedEvent,
		WantStatusUpdates: notOwned,
	}, {
		Name:              "plan of somebody else that the informer does not see",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function(), WithoutOwner, WithoutLabels)},
		WantErr:           true,
		WantCreates:       []runtime.Object{planOf(function())},
		WantEvents:        notOwnedEvent,
		WantStatusUpdates: notOwned,
	}, {
		Name:              "plan of another content in our name",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function(), otherContent)},
		WantErr:           true,
		WantEvents:        notOwnedEvent,
		WantStatusUpdates: notOwned,
	}}
}

// buildRows are about the TaskRun.
func buildRows() rtesting.TableTest {
	name := taskRunName(function())
	notOwned := statusUpdate(function(WithObserved(1), WithSourceReady, WithBuildNotOwned("TaskRun", name), WithWaitingForBuild, summarized))
	notOwnedEvent := []string{warning("InternalError", "LambdaFunction %q does not own TaskRun %q", "hello", name)}
	planned := statusUpdate(function(WithObserved(1), WithSourceReady,
		WithBuildRunning(v1alpha1.ReasonBuildPending, beingMade), WithWaitingForBuild, summarized))
	started := statusUpdate(function(building(v1alpha1.ReasonBuildRunning, goingOn), startedAt(began)))
	pending := statusUpdate(function(building(v1alpha1.ReasonBuildPending, podNotStarted), startedAt(began)))
	return rtesting.TableTest{{
		Name:         "TaskRun cannot be created",
		Key:          key,
		Objects:      []runtime.Object{function(), planOf(function())},
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("create", "taskruns")},
		WantErr:      true,
		WantCreates:  []runtime.Object{taskRunOf(function())},
		WantEvents: []string{
			warning("CreationFailed", "Failed to create TaskRun %q: inducing failure for create taskruns", name),
			warning("InternalError", "failed to create TaskRun %q: inducing failure for create taskruns", name),
		},
		WantStatusUpdates: planned,
	}, {
		Name:              "TaskRun that the informer has not seen",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function()), taskRunOf(function(), WithoutLabels, running)},
		WantCreates:       []runtime.Object{taskRunOf(function())},
		WantStatusUpdates: started,
	}, {
		Name:              "TaskRun that is there cannot be read",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function()), taskRunOf(function(), WithoutLabels)},
		WithReactors:      []clientgotesting.ReactionFunc{rtesting.InduceFailure("get", "taskruns")},
		WantErr:           true,
		WantCreates:       []runtime.Object{taskRunOf(function())},
		WantEvents:        []string{warning("InternalError", "failed to get TaskRun %q: inducing failure for get taskruns", name)},
		WantStatusUpdates: planned,
	}, {
		Name:              "TaskRun of somebody else",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function()), taskRunOf(function(), WithoutOwner, running)},
		WantErr:           true,
		WantEvents:        notOwnedEvent,
		WantStatusUpdates: notOwned,
	}, {
		Name:              "TaskRun of somebody else that the informer does not see",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function()), taskRunOf(function(), WithoutOwner, WithoutLabels)},
		WantErr:           true,
		WantCreates:       []runtime.Object{taskRunOf(function())},
		WantEvents:        notOwnedEvent,
		WantStatusUpdates: notOwned,
	}, {
		Name:    "TaskRun deleted by hand, and its pod is still going away",
		Key:     key,
		Objects: []runtime.Object{function(), planOf(function()), podOf(taskRunOf(function()))},
		WantStatusUpdates: statusUpdate(function(WithObserved(1), WithSourceReady,
			WithBuildRunning(v1alpha1.ReasonBuildPending, fmt.Sprintf("The pod of the TaskRun %q before is going away.", name)), WithWaitingForBuild, summarized)),
	}, {
		Name:              "TaskRun deleted by hand, and its pod was left to nobody",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function()), Change(podOf(taskRunOf(function())), func(pod *corev1.Pod) { pod.OwnerReferences = nil })},
		WantCreates:       []runtime.Object{taskRunOf(function())},
		WantEvents:        []string{normal("Created", "Created TaskRun %q", name)},
		WantStatusUpdates: statusUpdate(function(building(v1alpha1.ReasonQueued, placeOne))),
	}, {
		Name: "pod that has no node yet",
		Key:  key,
		Objects: []runtime.Object{
			function(), planOf(function()),
			taskRunOf(function(), WithTaskRunStarted(began), WithTaskRunOngoing("Pending"), WithTaskRunPod),
		},
		WantStatusUpdates: pending,
	}, {
		Name: "pod that fits no node",
		Key:  key,
		Objects: []runtime.Object{
			function(), planOf(function()),
			taskRunOf(function(), WithTaskRunStarted(began), WithTaskRunWaiting("ExceededNodeResources", "100% full"), WithTaskRunPod),
		},
		WantStatusUpdates: statusUpdate(function(waitingForRoom(v1alpha1.ReasonBuildUnschedulable,
			"No node has room for the build: add one, or lower cpu-request and memory-request in ConfigMap config-build. 100% full"))),
	}, {
		Name: "pod that fits no node, as Tekton says before it is sure",
		Key:  key,
		Objects: []runtime.Object{
			function(), planOf(function()),
			taskRunOf(function(), WithTaskRunStarted(began), WithTaskRunWaiting("Pending", `pod status "PodScheduled":"False"; message: "full"`), WithTaskRunPod),
		},
		WantStatusUpdates: statusUpdate(function(waitingForRoom(v1alpha1.ReasonBuildUnschedulable,
			`No node has room for the build: add one, or lower cpu-request and memory-request in ConfigMap config-build. pod status "PodScheduled":"False"; message: "full"`))),
	}, {
		Name: "pod that a quota forbids",
		Key:  key,
		Objects: []runtime.Object{
			function(), planOf(function()),
			taskRunOf(function(), WithTaskRunStarted(began), WithTaskRunWaiting("ExceededResourceQuota", "exceeded quota: small")),
		},
		WantStatusUpdates: statusUpdate(function(waitingForRoom(v1alpha1.ReasonBuildQuotaExceeded,
			`A quota of namespace "default" leaves no room for the build: raise it, or lower cpu-request and memory-request in ConfigMap config-build. exceeded quota: small`))),
	}, {
		Name:              "running",
		Key:               key,
		Objects:           []runtime.Object{function(), planOf(function()), taskRunOf(function(), running, WithTaskRunPod)},
		WantStatusUpdates: started,
	}, {
		Name:              "succeeded",
		Key:               key,
		Objects:           []runtime.Object{function(building(v1alpha1.ReasonBuildRunning, goingOn)), taskRunOf(function(), succeeded)},
		WantCreates:       []runtime.Object{serviceOf(function())},
		WantEvents:        []string{normal("Created", "Created Knative Service %q", "hello")},
		WantStatusUpdates: statusUpdate(function(deployed())),
	}, {
		Name: "succeeded, and the TaskRun is gone since",
		Key:  key,
		Objects: []runtime.Object{
			function(deployed(WithServiceReady)), serviceOf(function(), WithServiceReady),
		},
	}, {
		Name: "TaskRun of another spec cannot be made: what serves is not that spec",
		Key:  key,
		Objects: []runtime.Object{
			function(codeA, deployed(WithServiceReady), edited(codeB)), serviceOf(function(codeA), WithServiceReady), planOf(function(codeB)),
		},
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("create", "taskruns")},
		WantErr:      true,
		WantCreates:  []runtime.Object{taskRunOf(function(codeB))},
		WantEvents: []string{
			warning("CreationFailed", "Failed to create TaskRun %q: inducing failure for create taskruns", taskRunName(function(codeB))),
			warning("InternalError", "failed to create TaskRun %q: inducing failure for create taskruns", taskRunName(function(codeB))),
		},
		WantStatusUpdates: statusUpdate(function(codeA, deployed(WithServiceReady), edited(codeB), WithObserved(2),
			WithBuildRunning(v1alpha1.ReasonBuildPending, beingMade),
			WithService(serviceOf(function(codeA), WithServiceReady), false), summarized)),
	}, {
		Name: "new base images are wanted",
		Key:  key,
		Objects: []runtime.Object{
			function(deployed(WithServiceReady), WithRebuild("1")),
			serviceOf(function(), WithServiceReady), taskRunOf(function(), succeeded), planOf(function()),
		},
		WantCreates: []runtime.Object{planOf(function(WithRebuild("1"))), taskRunOf(function(WithRebuild("1")))},
		WantEvents:  []string{normal("Created", "Created TaskRun %q", taskRunName(function(WithRebuild("1"))))},
		WantStatusUpdates: statusUpdate(function(deployed(WithServiceReady), WithRebuild("1"),
			rebuilding(v1alpha1.ReasonQueued, placeOne, serviceOf(function(), WithServiceReady)))),
	}}
}

func startedAt(at time.Time) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.BuildStatus.StartedAt = &metav1.Time{Time: at} }
}

// rebuilding is a function whose TaskRun goes on while the Knative Service has the image before.
func rebuilding(reason, format string, service *servingv1.Service) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		begun(fn)
		fn.Status.MarkBuildRunning(reason, fmt.Sprintf(format, taskRunName(fn)))
		fn.Status.PropagateService(service, false)
		fn.Status.Summarize()
	}
}

// failureRows are about builds that fail: the first of them by each cause, and then what becomes of them.
func failureRows() rtesting.TableTest {
	const remedy = "To build the same source again, change annotation lambda.knative.io/rebuild."
	const next = ". Next try at 2023-11-14T22:14:30Z."
	name := taskRunName(function())
	fetchLog := fmt.Sprintf(`Step "fetch" ended with exit code 1; its log: kubectl logs -n default %s-pod -c step-fetch`, name)
	buildLog := fmt.Sprintf(`Step "build" ended with exit code 2; its log: kubectl logs -n default %s-pod -c step-build`, name)
	failed := func(reason, message string) TaskRunOption { return WithTaskRunFailed(ended, reason, message) }
	var rows rtesting.TableTest
	for _, tc := range []struct {
		name            string
		taskRun         []TaskRunOption
		reason, message string
		log             string
	}{{
		name: "the source is refused",
		taskRun: []TaskRunOption{
			failed("Failed", "\"step-fetch\" exited with code 3"), WithTaskRunStep("fetch", 3),
			WithTaskRunResult(resources.ResultFailure, `{"reason":"SourceTooLarge","message":"100% too large"}`),
		},
		reason: "SourceTooLarge", message: "100% too large",
	}, {
		name: "the registry's Secret is of no use",
		taskRun: []TaskRunOption{
			failed("Failed", ""), WithTaskRunStep("fetch", 3),
			WithTaskRunResult(resources.ResultFailure, `{"reason":"SecretInvalid","message":"the Secret \"login\" is not there."}`),
		},
		reason: "SecretInvalid", message: `the Secret "login" is not there` + next,
	}, {
		name: "the source is refused in words that are not ours",
		taskRun: []TaskRunOption{
			failed("Failed", ""), WithTaskRunStep("fetch", 1), WithTaskRunResult(resources.ResultFailure, "oops"),
		},
		reason: v1alpha1.ReasonFetchFailed, message: fetchLog,
	}, {
		name:    "the source is not fetched",
		taskRun: []TaskRunOption{failed("Failed", ""), WithTaskRunStep("fetch", 1), WithTaskRunStep("build", 1)},
		reason:  v1alpha1.ReasonFetchFailed, message: fetchLog,
	}, {
		name:    "the image is not built",
		taskRun: []TaskRunOption{failed("Failed", ""), WithTaskRunStep("fetch", 0), WithTaskRunStep("build", 2)},
		reason:  v1alpha1.ReasonBuildFailed, message: buildLog,
	}, {
		name:    "the log says why",
		taskRun: []TaskRunOption{failed("Failed", ""), WithTaskRunStep("fetch", 0), WithTaskRunStep("build", 1)},
		log:     "a\nfunction/main.go:3:2: undefined: x\nerror building image: exit status 1\n",
		reason:  v1alpha1.ReasonCompileFailed, message: "The code does not compile. The log says: function/main.go:3:2: undefined: x",
	}, {
		name:    "the log of the step fetch is not Kaniko's",
		taskRun: []TaskRunOption{failed("Failed", ""), WithTaskRunStep("fetch", 1)},
		log:     "main.go:3:2: panic",
		reason:  v1alpha1.ReasonFetchFailed, message: fetchLog,
	}, {
		name:    "a step needs too much memory",
		taskRun: []TaskRunOption{failed("StepOOM", ""), withStepOutOfMemory},
		log:     "not read",
		reason:  v1alpha1.ReasonBuildOutOfMemory,
		message: `Step "build" needed more memory than it may use: set memory-limit in ConfigMap config-build higher.`,
	}, {
		name:    "no step ended",
		taskRun: []TaskRunOption{failed("PodCreationFailed", "100% full"), withStepThatNeverRan},
		reason:  v1alpha1.ReasonBuildPodFailed, message: "100% full" + next,
	}, {
		name:    "it took too long",
		taskRun: []TaskRunOption{failed(string(tektonv1.TaskRunReasonTimedOut), ""), WithTaskRunStep("build", 1)},
		reason:  v1alpha1.ReasonBuildTimeout, message: "The build took longer than 30m0s: set spec.build.timeout higher. " + remedy,
	}, {
		name:    "somebody cancelled it",
		taskRun: []TaskRunOption{cancelled, WithTaskRunCancelled("")},
		reason:  v1alpha1.ReasonBuildCancelled, message: "The build was cancelled. " + remedy,
	}, {
		name:    "an image of its own cannot be pulled",
		taskRun: []TaskRunOption{failed(string(tektonv1.TaskRunReasonImagePullFailed), "no such image: 100%")},
		reason:  v1alpha1.ReasonBuildImagePullFailed, message: "no such image: 100%" + next,
	}, {
		name:    "it does not say what it pushed",
		taskRun: []TaskRunOption{WithTaskRunSucceeded(ended), WithTaskRunResult(resources.ResultSourceRevision, "sha256:source")},
		reason:  v1alpha1.ReasonBuildResultMissing,
		message: fmt.Sprintf("TaskRun %q succeeded and has no result IMAGE_DIGEST: is kaniko-image in ConfigMap config-build Kaniko's?", name),
	}} {
		taskRun := Change(taskRunOf(function(), WithTaskRunStarted(began)), tc.taskRun...)
		rows = append(rows, rtesting.TableRow{
			Name:              tc.name,
			Key:               key,
			Ctx:               withLog(tc.log),
			Objects:           []runtime.Object{function(building(v1alpha1.ReasonBuildRunning, goingOn)), planOf(function()), taskRun},
			WantStatusUpdates: statusUpdate(function(failedBuild(tc.reason, tc.message), withLogTail(tc.log), WithWaitingForBuild, summarized)),
		})
	}
	rows = append(rows, logRows(next)...)
	oldService := serviceOf(function(codeA), WithServiceReady)
	return append(rows, rtesting.TableRow{
		Name: "the image before goes on to serve",
		Key:  key,
		Objects: []runtime.Object{
			function(codeA, deployed(WithServiceReady), edited(codeB)), oldService,
			planOf(function(codeB)), taskRunOf(function(codeB), WithTaskRunStarted(began), failed("Failed", "wrong")),
		},
		WantStatusUpdates: statusUpdate(function(codeA, deployed(WithServiceReady), edited(codeB),
			failedBuild(v1alpha1.ReasonBuildPodFailed, "wrong"+next), WithService(oldService, false), summarized)),
	}, rtesting.TableRow{
		Name: "the failed TaskRun is deleted: another one is made",
		Key:  key,
		Objects: []runtime.Object{
			function(failedBuild(v1alpha1.ReasonBuildPodFailed, "wrong"+next), WithWaitingForBuild, summarized), planOf(function()),
		},
		WantCreates:       []runtime.Object{taskRunOf(function(), attempt(2))},
		WantEvents:        []string{normal("Created", "Created TaskRun %q", name)},
		WantStatusUpdates: statusUpdate(function(building(v1alpha1.ReasonQueued, placeOne), attempted(2))),
	}, rtesting.TableRow{
		Name: "its cause lies outside, and the pause is over: it is tried again",
		Key:  key,
		Ctx:  at(ended.Add(firstPause)),
		Objects: []runtime.Object{
			function(failedBuild(v1alpha1.ReasonBuildPodFailed, "wrong"+next), WithWaitingForBuild, summarized), planOf(function()),
			taskRunOf(function(), WithTaskRunStarted(began), failed("Failed", "wrong")),
		},
		WantDeletes:   []clientgotesting.DeleteActionImpl{deletion("taskruns", name)},
		OtherTestData: goesOn,
	}, rtesting.TableRow{
		Name: "it cannot be tried again: the TaskRun cannot be deleted",
		Key:  key,
		Ctx:  at(ended.Add(firstPause)),
		Objects: []runtime.Object{
			function(failedBuild(v1alpha1.ReasonBuildPodFailed, "wrong"+next), WithWaitingForBuild, summarized), planOf(function()),
			taskRunOf(function(), WithTaskRunStarted(began), failed("Failed", "wrong")),
		},
		WithReactors: []clientgotesting.ReactionFunc{rtesting.InduceFailure("delete", "taskruns")},
		WantErr:      true,
		WantDeletes:  []clientgotesting.DeleteActionImpl{deletion("taskruns", name)},
		WantEvents:   []string{warning("InternalError", "failed to delete TaskRun %q: inducing failure for delete taskruns", name)},
	}, rtesting.TableRow{
		Name: "its cause lies in the code: it is not tried again",
		Key:  key,
		Ctx:  at(ended.Add(longestPause)),
		Objects: []runtime.Object{
			function(failedBuild(v1alpha1.ReasonBuildFailed, buildLog), WithWaitingForBuild, summarized), planOf(function()),
			taskRunOf(function(), WithTaskRunStarted(began), failed("Failed", ""), WithTaskRunStep("build", 2)),
		},
	}, rtesting.TableRow{
		Name: "the settings of the build are mended: it is tried again",
		Key:  key,
		Objects: []runtime.Object{
			function(failedBuild(v1alpha1.ReasonBuildPodFailed, "wrong"+next), WithWaitingForBuild, summarized, withPullSecret), planOf(function()),
			taskRunOf(function(), WithTaskRunStarted(began), failed("Failed", "wrong")),
		},
		WantDeletes:       []clientgotesting.DeleteActionImpl{deletion("taskruns", name)},
		WantStatusUpdates: statusUpdate(function(building(v1alpha1.ReasonBuildPending, goingAway), startedAt(began), withPullSecret)),
		OtherTestData:     goesOn,
	}, rtesting.TableRow{
		Name: "the settings of a build that goes on are changed: it goes on",
		Key:  key,
		Objects: []runtime.Object{
			function(building(v1alpha1.ReasonBuildRunning, goingOn), startedAt(began), withPullSecret), planOf(function()),
			taskRunOf(function(), running),
		},
	}, rtesting.TableRow{
		Name: "the source is mended",
		Key:  key,
		Objects: []runtime.Object{
			function(codeA, failedBuild(v1alpha1.ReasonBuildPodFailed, "wrong"+next), WithWaitingForBuild, summarized, edited(codeB)),
			planOf(function(codeA)), taskRunOf(function(codeA), failed("Failed", "wrong")),
		},
		WantCreates:       []runtime.Object{planOf(function(codeB)), taskRunOf(function(codeB))},
		WantEvents:        []string{normal("Created", "Created TaskRun %q", taskRunName(function(codeB)))},
		WantStatusUpdates: statusUpdate(function(edited(codeB), building(v1alpha1.ReasonQueued, placeOne))),
	})
}

// logRows are about builds whose step build says in its log why it failed.
func logRows(next string) (rows rtesting.TableTest) {
	for _, name := range slices.Sorted(maps.Keys(logs)) {
		tc := logs[name]
		_, message := causeOf(tc.log)
		if tc.reason == "" {
			continue
		}
		if passing.Has(tc.reason) {
			message = strings.TrimSuffix(message, ".") + next
		}
		taskRun := taskRunOf(function(), WithTaskRunStarted(began), WithTaskRunFailed(ended, "Failed", ""), WithTaskRunStep("build", 1))
		rows = append(rows, rtesting.TableRow{
			Name:              "the log says why: " + name,
			Key:               key,
			Ctx:               withLog(tc.log),
			Objects:           []runtime.Object{function(building(v1alpha1.ReasonBuildRunning, goingOn)), planOf(function()), taskRun},
			WantStatusUpdates: statusUpdate(function(failedBuild(tc.reason, message), withLogTail(tc.log), WithWaitingForBuild, summarized)),
		})
	}
	return rows
}

// failedBuild is a function whose TaskRun failed.
// podOf is the pod of a TaskRun.
func podOf(taskRun *tektonv1.TaskRun) *corev1.Pod {
	pod := Pod(function(), "", "", corev1.ContainerStatus{})
	pod.Name = taskRun.Name + "-pod"
	pod.OwnerReferences = []metav1.OwnerReference{*kmeta.NewControllerRef(taskRun)}
	return pod
}

// waitingForRoom is a build whose pod is not there yet, and says why.
func waitingForRoom(reason, message string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		building(reason, podNotStarted)(fn)
		startedAt(began)(fn)
		WithBuildRunning(reason, message)(fn)
		summarized(fn)
	}
}

func failedBuild(reason, message string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		begun(fn)
		startedAt(began)(fn)
		fn.Status.BuildStatus.CompletedAt = &metav1.Time{Time: ended}
		fn.Status.MarkBuildFailed(reason, message)
	}
}

func withPullSecret(fn *v1alpha1.LambdaFunction) {
	fn.Spec.Build.ImagePullSecret = "login"
}

func withLogTail(log string) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) {
		if log != "not read" {
			fn.Status.BuildStatus.LogTail = strings.TrimSpace(log)
		}
	}
}

func attempt(n int) TaskRunOption {
	return func(tr *tektonv1.TaskRun) { tr.Annotations[lambda.BuildAttemptAnnotationKey] = strconv.Itoa(n) }
}

func attempted(n int32) FunctionOption {
	return func(fn *v1alpha1.LambdaFunction) { fn.Status.BuildStatus.Attempt = n }
}

func withStepOutOfMemory(tr *tektonv1.TaskRun) {
	WithTaskRunStep("build", 137)(tr)
	tr.Status.Steps[0].Terminated.Reason = "OOMKilled"
}

func withStepThatNeverRan(tr *tektonv1.TaskRun) {
	tr.Status.Steps = append(tr.Status.Steps, tektonv1.StepState{Name: "fetch"})
}

// TestOneTaskRunABuildKey holds that of two controllers that begin at once only one makes the TaskRun.
func TestOneTaskRunABuildKey(t *testing.T) {
	first, second := taskRunOf(function()), taskRunOf(function(WithEnv("A", "1"), WithGeneration(7), WithFunctionLabel("a", "b")))
	if first.Name != second.Name {
		t.Errorf("one build key has two TaskRuns: %q and %q", first.Name, second.Name)
	}
}
