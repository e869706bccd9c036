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
	"encoding/json"
	"fmt"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// propagateTaskRun takes over what the TaskRun says of itself.
func propagateTaskRun(fn *v1alpha1.LambdaFunction, build *resources.Build, taskRun *tektonv1.TaskRun) {
	fn.Status.BeginBuild(build.Key(), taskRun.Name, taskRun.Status.StartTime)
	fn.Status.BuildStatus.CompletedAt = taskRun.Status.CompletionTime
	succeeded := taskRun.Status.GetCondition(apis.ConditionSucceeded)
	switch {
	case succeeded.IsTrue():
		propagateImage(fn, build, taskRun)
	case succeeded.IsFalse():
		fn.Status.MarkBuildFailed(buildFailure(taskRun, succeeded))
	case succeeded.GetReason() == string(tektonv1.TaskRunReasonRunning):
		fn.Status.MarkBuildRunning(v1alpha1.ReasonBuildRunning, fmt.Sprintf("TaskRun %q is building the image.", taskRun.Name))
	default:
		fn.Status.MarkBuildRunning(v1alpha1.ReasonBuildPending, fmt.Sprintf("The pod of TaskRun %q has not started.", taskRun.Name))
	}
}

func propagateImage(fn *v1alpha1.LambdaFunction, build *resources.Build, taskRun *tektonv1.TaskRun) {
	digest := result(taskRun, resources.ResultImageDigest)
	if digest == "" {
		fn.Status.MarkBuildFailed(v1alpha1.ReasonBuildResultMissing, fmt.Sprintf(
			"TaskRun %q succeeded and has no result %s: is kaniko-image in ConfigMap config-build Kaniko's?", taskRun.Name, resources.ResultImageDigest))
		return
	}
	fn.Status.BuildStatus.ImageURI = build.Repository + "@" + digest
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

// buildFailure returns the reason and message of a build that failed: by what the step fetch says of itself, by
// Tekton's own reason, or by the step that failed.
func buildFailure(taskRun *tektonv1.TaskRun, succeeded *apis.Condition) (reason, message string) {
	var failure source.Failure
	if err := json.Unmarshal([]byte(result(taskRun, resources.ResultFailure)), &failure); err == nil && failure.Reason != "" {
		return string(failure.Reason), failure.Message
	}
	const remedy = "To build the same source again, change annotation " + lambda.RebuildAnnotationKey + "."
	switch tektonv1.TaskRunReason(succeeded.Reason) {
	case tektonv1.TaskRunReasonTimedOut:
		return v1alpha1.ReasonBuildTimeout, fmt.Sprintf("The build took longer than %s: set spec.build.timeout higher. %s",
			taskRun.Spec.Timeout.Duration, remedy)
	case tektonv1.TaskRunReasonCancelled:
		return v1alpha1.ReasonBuildCancelled, "The build was cancelled. " + remedy
	case tektonv1.TaskRunReasonImagePullFailed:
		return v1alpha1.ReasonBuildImagePullFailed, succeeded.Message
	}
	for _, step := range taskRun.Status.Steps {
		if step.Terminated == nil || step.Terminated.ExitCode == 0 {
			continue
		}
		reason := v1alpha1.ReasonBuildFailed
		if step.Name == resources.StepFetch {
			reason = v1alpha1.ReasonFetchFailed
		}
		return reason, fmt.Sprintf("Step %q ended with exit code %d; its log: kubectl logs -n %s %s -c %s",
			step.Name, step.Terminated.ExitCode, taskRun.Namespace, taskRun.Status.PodName, step.Container)
	}
	return v1alpha1.ReasonBuildFailed, succeeded.Message
}
