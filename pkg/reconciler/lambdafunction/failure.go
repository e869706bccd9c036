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
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	tektonv1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"knative.dev/pkg/apis"
	"knative.dev/pkg/logging"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
	"github.com/knative-lambda/knative-lambda-operator/pkg/reconciler/lambdafunction/resources"
	"github.com/knative-lambda/knative-lambda-operator/pkg/source"
)

// oomKilled is the kubelet's reason for a container that used more memory than it may.
const oomKilled = "OOMKilled"

// What helps where the same source shall be built again, and what is said of a build that was cancelled.
const (
	rebuildRemedy  = "To build the same source again, change annotation " + lambda.RebuildAnnotationKey + "."
	buildCancelled = "The build was cancelled. " + rebuildRemedy
)

// failure is why a build ended without an image.
type failure struct {
	reason, message, logTail string
}

// failureOf returns why the TaskRun failed: by what the step fetch says of itself, by Tekton's own reason, or by the
// log of the step that failed. What is in the status already is not looked up again: the pod may be gone.
func (r *Reconciler) failureOf(ctx context.Context, before *v1alpha1.BuildStatus, taskRun *tektonv1.TaskRun) failure {
	if before != nil && before.Reason != "" && before.JobName == taskRun.Name &&
		before.Attempt == resources.Attempt(taskRun) && before.CompletedAt.Equal(taskRun.Status.CompletionTime) {
		message, _, _ := strings.Cut(before.Error, nextTryAt)
		return failure{before.Reason, message, before.LogTail}
	}
	var refused source.Failure
	if err := json.Unmarshal([]byte(result(taskRun, resources.ResultFailure)), &refused); err == nil && refused.Reason != "" {
		return failure{reason: string(refused.Reason), message: refused.Message}
	}
	succeeded := taskRun.Status.GetCondition(apis.ConditionSucceeded)
	switch tektonv1.TaskRunReason(succeeded.GetReason()) {
	case tektonv1.TaskRunReasonTimedOut:
		return failure{reason: v1alpha1.ReasonBuildTimeout, message: fmt.Sprintf(
			"The build took longer than %s: set spec.build.timeout higher. %s", taskRun.Spec.Timeout.Duration, rebuildRemedy)}
	case tektonv1.TaskRunReasonCancelled:
		return failure{reason: v1alpha1.ReasonBuildCancelled, message: buildCancelled}
	case tektonv1.TaskRunReasonImagePullFailed:
		return failure{reason: v1alpha1.ReasonBuildImagePullFailed, message: succeeded.GetMessage()}
	}
	for i := range taskRun.Status.Steps {
		if step := &taskRun.Status.Steps[i]; step.Terminated != nil && step.Terminated.ExitCode != 0 {
			return r.stepFailure(ctx, taskRun, step)
		}
	}
	return failure{reason: v1alpha1.ReasonBuildPodFailed, message: succeeded.GetMessage()}
}

// stepFailure returns why a step failed, from its log.
func (r *Reconciler) stepFailure(ctx context.Context, taskRun *tektonv1.TaskRun, step *tektonv1.StepState) failure {
	if step.Terminated.Reason == oomKilled {
		return failure{reason: v1alpha1.ReasonBuildOutOfMemory, message: fmt.Sprintf(
			"Step %q needed more memory than it may use: set memory-limit in ConfigMap config-build higher.", step.Name)}
	}
	f := failure{reason: v1alpha1.ReasonBuildFailed, message: fmt.Sprintf("Step %q ended with exit code %d; its log: kubectl logs -n %s %s -c %s",
		step.Name, step.Terminated.ExitCode, taskRun.Namespace, taskRun.Status.PodName, step.Container)}
	if step.Name == resources.StepFetch {
		f.reason = v1alpha1.ReasonFetchFailed
	}
	log, err := r.podLog(ctx, taskRun.Namespace, taskRun.Status.PodName, step.Container)
	if err != nil {
		logging.FromContext(ctx).Warnw("Failed to read the log of a build", "error", err)
		return f
	}
	log = maskSecrets(log)
	f.logTail = tail(log)
	if step.Name == resources.StepBuild {
		if reason, message := causeOf(log); reason != "" {
			f.reason, f.message = reason, message
		}
	}
	return f
}

// causes are what is told by a line of Kaniko's log, or of the package manager's that ran in it. The first that is
// found counts.
var causes = []struct {
	reason, remedy string
	line           *regexp.Regexp
}{{
	v1alpha1.ReasonCompileFailed, "The code does not compile.",
	regexp.MustCompile(`(?m)^\S+\.go:\d+(?::\d+)?: .*$`),
}, {
	v1alpha1.ReasonPackageIndexUnavailable, "The index of packages cannot be reached: check it in ConfigMap config-build.",
	regexp.MustCompile(`(?m)^(?:.*(?:Failed to establish a new connection|Max retries exceeded with url).*` +
		`|npm (?:error|ERR!) code (?:ECONN\w+|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|E5\d\d)` +
		`|go: .*(?:connection refused|no such host|i/o timeout|50\d ).*)$`),
}, {
	v1alpha1.ReasonDependencyNotFound, "A dependency cannot be installed: check its name and version.",
	regexp.MustCompile(`(?m)^(?:ERROR: (?:No matching distribution found|Could not find a version|Cannot install|ResolutionImpossible).*` +
		`|npm (?:error|ERR!) (?:404 |notarget |code (?:ERESOLVE|EUSAGE)).*` +
		`|go: .*(?:unknown revision|40[34] (?:Forbidden|Not Found)|does not contain package|invalid version|no matching versions|missing go\.sum|updates to go\.mod|cannot find module).*)$`),
}, {
	v1alpha1.ReasonRegistryCertificateInvalid, "Nobody who is trusted vouches for the registry: put the certificate of its authority into " +
		"key ca.crt of the Secret in spec.build.imagePullSecret, or into registry-ca of ConfigMap config-build.",
	regexp.MustCompile(`(?m)^error (?:building|pushing) image: .*x509: .*$`),
}, {
	v1alpha1.ReasonRegistryDenied, "The registry does not let the build in: name a Secret with a login that may push there in " +
		"spec.build.imagePullSecret, or in registry-secret of ConfigMap config-build.",
	regexp.MustCompile(`(?m)^error (?:building|pushing) image: .*(?:status code 40[13]|UNAUTHORIZED|DENIED).*$`),
}, {
	v1alpha1.ReasonRepositoryNotFound, "The registry has no such repository, and makes none by itself: create it there.",
	regexp.MustCompile(`(?m)^error pushing image: .*(?:NAME_UNKNOWN|status code 404).*$`),
}, {
	v1alpha1.ReasonBaseImageNotFound, "The base image is not there: check ConfigMap config-runtimes.",
	regexp.MustCompile(`(?m)^error building image: .*(?:MANIFEST_UNKNOWN|NAME_UNKNOWN|status code 404).*$`),
}, {
	v1alpha1.ReasonRegistryUnavailable, "The registry does not answer as it should.",
	regexp.MustCompile(`(?m)^error (?:building|pushing) image: .*(?:status code (?:429|5\d\d)|TOOMANYREQUESTS|connection refused` +
		`|connection reset|no such host|i/o timeout|TLS handshake|EOF|no route to host).*$`),
}, {
	// It is said of each registry of plain http that fails for another cause: https is tried first.
	v1alpha1.ReasonRegistryUnavailable, "The registry speaks plain http: set spec.build.insecure, or insecure-registries in ConfigMap config-build.",
	regexp.MustCompile(`(?m)^error (?:building|pushing) image: .*server gave HTTP response to HTTPS client.*$`),
}}

// causeOf returns what the log of a step says, or nothing.
func causeOf(log string) (reason, message string) {
	const longest = 400
	for _, cause := range causes {
		if line := cause.line.FindString(log); line != "" {
			if len(line) > longest {
				line = strings.ToValidUTF8(line[:longest], "") + "..."
			}
			return cause.reason, cause.remedy + " The log says: " + line
		}
	}
	return "", ""
}

var (
	loginOfURL = regexp.MustCompile(`(://)[^/\s@]+@`)
	namedValue = regexp.MustCompile(`(?i)((?:password|passwd|token|secret|api[-_]?key|authorization)["']?\s*[:=]\s*)(?:(?:basic|bearer)\s+)?["']?[^\s"',;]+`)
)

// maskSecrets hides what looks like a credential: a status is read by more people than the log of a pod.
func maskSecrets(log string) string {
	return namedValue.ReplaceAllString(loginOfURL.ReplaceAllString(log, "${1}***@"), "${1}***")
}

// tail returns the last lines of the log, 2 KiB at most.
func tail(log string) string {
	const size = 2 << 10
	log = strings.TrimRight(strings.ToValidUTF8(log, "\uFFFD"), "\n")
	if len(log) <= size {
		return log
	}
	log = log[len(log)-size:]
	if _, lines, ok := strings.Cut(log, "\n"); ok {
		return lines
	}
	return strings.ToValidUTF8(log, "")
}
