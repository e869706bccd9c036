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
	"fmt"
	"strings"
	"time"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/observability"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
)

// nextTryAt stands before the time in the message of a build that is tried again.
const nextTryAt = ". Next try at "

// propagateTaskRun takes over what the TaskRun says of itself.
func (r *Reconciler) propagateTaskRun(ctx context.Context, fn *v1alpha1.LambdaFunction, build *resources.Build, taskRun *tektonv1.TaskRun) {
	before := fn.Status.BuildStatus.DeepCopy()
	beginBuild(fn, build, taskRun)
	fn.Status.BuildStatus.CompletedAt = taskRun.Status.CompletionTime
	succeeded := taskRun.Status.GetCondition(apis.ConditionSucceeded)
	switch {
	case succeeded.IsTrue():
		if before == nil || before.CompletedAt == nil {
			observability.LinkTo(ctx, taskRun.Annotations[resources.SpanContextAnnotation])
		}
		propagateImage(fn, build, taskRun)
	case succeeded.IsFalse():
		f := r.failureOf(ctx, before, taskRun)
		fn.Status.BuildStatus.LogTail = f.logTail
		if at, ok := nextTry(taskRun, f.reason); ok {
			f.message = strings.TrimSuffix(f.message, ".") + nextTryAt + at.UTC().Format(time.RFC3339) + "."
		}
		fn.Status.MarkBuildFailed(f.reason, f.message)
	case succeeded.GetReason() == string(tektonv1.TaskRunReasonRunning):
		fn.Status.MarkBuildRunning(v1alpha1.ReasonBuildRunning, fmt.Sprintf("TaskRun %q is building the image.", taskRun.Name))
	default:
		fn.Status.MarkBuildRunning(whyPending(taskRun))
	}
}

// The reasons of Tekton for a pod that waits for room, from its package pkg/pod.
const (
	tektonQuotaExceeded      = "ExceededResourceQuota"
	tektonNodesExceeded      = "ExceededNodeResources"
	tektonPodNotStarted      = "Pending"
	podUnschedulableByTekton = `"PodScheduled":"False"`
)

// whyPending returns the reason and the message of a build whose pod has not started.
func whyPending(taskRun *tektonv1.TaskRun) (reason, message string) {
	succeeded := taskRun.Status.GetCondition(apis.ConditionSucceeded)
	unschedulable := succeeded.GetReason() == tektonNodesExceeded ||
		succeeded.GetReason() == tektonPodNotStarted && strings.Contains(succeeded.GetMessage(), podUnschedulableByTekton)
	switch {
	case succeeded.GetReason() == tektonQuotaExceeded:
		return v1alpha1.ReasonBuildQuotaExceeded, fmt.Sprintf(
			"A quota of namespace %q leaves no room for the build: raise it, or lower cpu-request and memory-request in ConfigMap config-build. %s",
			taskRun.Namespace, succeeded.GetMessage())
	case unschedulable:
		return v1alpha1.ReasonBuildUnschedulable, fmt.Sprintf(
			"No node has room for the build: add one, or lower cpu-request and memory-request in ConfigMap config-build. %s", succeeded.GetMessage())
	default:
		return v1alpha1.ReasonBuildPending, fmt.Sprintf("The pod of TaskRun %q has not started.", taskRun.Name)
	}
}

func beginBuild(fn *v1alpha1.LambdaFunction, build *resources.Build, taskRun *tektonv1.TaskRun) {
	fn.Status.BeginBuild(build.Key(), taskRun.Name, taskRun.Status.StartTime)
	fn.Status.BuildStatus.Attempt = resources.Attempt(taskRun)
	fn.Status.BuildStatus.Rebuild = fn.Annotations[lambda.RebuildAnnotationKey]
}

func propagateImage(fn *v1alpha1.LambdaFunction, build *resources.Build, taskRun *tektonv1.TaskRun) {
	digest := result(taskRun, resources.ResultImageDigest)
	if digest == "" {
		fn.Status.MarkBuildFailed(v1alpha1.ReasonBuildResultMissing, fmt.Sprintf(
			"TaskRun %q succeeded and has no result %s: is kaniko-image in ConfigMap config-build Kaniko's?", taskRun.Name, resources.ResultImageDigest))
		return
	}
	fn.Status.BuildStatus.ImageURI = build.ImageURI(digest)
	fn.Status.BuildStatus.SourceRevision = result(taskRun, resources.ResultSourceRevision)
	fn.Status.MarkBuildReady()
}

func result(taskRun *tektonv1.TaskRun, name string) string {
	for _, r := range taskRun.Status.Results {
		if r.Name == name {
			return r.Value.StringVal
		}
	}
	return ""
}
