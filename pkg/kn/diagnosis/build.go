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

package diagnosis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"knative.dev/pkg/apis"

	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda"
	"github.com/knative-lambda/knative-lambda-operator/pkg/apis/lambda/v1alpha1"
)

const kindTaskRun = "TaskRun"

// buildsShown is how many of the builds that run a build that waits is told of.
const buildsShown = 3

// buildChain leads from the condition of the build to its TaskRun, pod and step.
func (e *explorer) buildChain(ctx context.Context, c *apis.Condition) []Link {
	switch c.Reason {
	case v1alpha1.ReasonRegistryNotConfigured, v1alpha1.ReasonNotOwned:
		return nil // The message has it all.
	}
	if e.build == nil || e.build.JobName == "" {
		return e.warning(ctx, e.kind, e.name())
	}
	taskRun, sight := find(ctx, e, kindTaskRun, e.namespace(), e.build.JobName, e.TaskRuns(e.namespace()))
	switch sight {
	case absent:
		return e.withoutTaskRun(ctx, c)
	case hidden:
		return nil
	}
	if taskRun.Waiting() {
		return e.queueChain(ctx, taskRun)
	}
	succeeded := taskRun.Status.GetCondition(apis.ConditionSucceeded)
	if succeeded == nil {
		return []Link{{Kind: kindTaskRun, Name: taskRun.Name, Type: state, Status: "has not been looked at by Tekton", Since: &taskRun.CreationTimestamp}}
	}
	chain := append([]Link{e.link(kindTaskRun, taskRun.Name, succeeded)}, e.quota(ctx, succeeded.Message)...)
	pod := e.buildPod(ctx, taskRun)
	if pod != nil && !taskRun.Done() {
		return append(chain, e.podChain(ctx, pod)...)
	}
	if failed := e.failedStep(ctx, taskRun, pod); failed != nil {
		return append(chain, *failed)
	}
	return append(chain, e.warning(ctx, kindTaskRun, taskRun.Name)...)
}

// withoutTaskRun tells of a build whose TaskRun is not there: what the status has kept of it.
func (e *explorer) withoutTaskRun(ctx context.Context, c *apis.Condition) []Link {
	l := Link{Kind: kindTaskRun, Name: e.build.JobName, Type: state, Status: missing, Log: lastLines(e.build.LogTail)}
	if c.IsFalse() {
		l.Message = "It went with the history of builds."
	}
	return append([]Link{l}, e.warning(ctx, e.kind, e.name())...)
}

// queueChain names some of the builds that run while this one waits.
func (e *explorer) queueChain(ctx context.Context, taskRun *TaskRun) []Link {
	const selector = lambda.ManagedByLabelKey + "=" + lambda.ManagedByLabelValue
	waits := Link{Kind: kindTaskRun, Name: taskRun.Name, Type: state, Status: "waits for its turn", Since: &taskRun.CreationTimestamp}
	known, ok := list(ctx, e, kindTaskRun, "", selector, e.TaskRuns(metav1.NamespaceAll))
	if !ok {
		if known, ok = list(ctx, e, kindTaskRun, e.namespace(), selector, e.TaskRuns(e.namespace())); !ok {
			return []Link{waits}
		}
	}
	var running []Link
	for i := range known {
		if other := &known[i]; other.running() {
			l := Link{Kind: kindTaskRun, Name: other.Name, Type: state, Status: "has its turn", Since: other.Status.StartTime}
			if other.Namespace != e.namespace() {
				l.Namespace = other.Namespace
			}
			running = append(running, l)
		}
	}
	slices.SortFunc(running, func(a, b Link) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	if more := len(running) - buildsShown; more > 0 {
		running = running[:buildsShown]
		running[buildsShown-1].Message = fmt.Sprintf("So have %d more.", more)
	}
	return append([]Link{waits}, running...)
}

// quota shows the quotas that a message names.
func (e *explorer) quota(ctx context.Context, message string) []Link {
	if !strings.Contains(message, "quota") {
		return nil
	}
	quotas, ok := list(ctx, e, "ResourceQuota", e.namespace(), "", e.Kube.CoreV1().ResourceQuotas(e.namespace()))
	if !ok {
		return nil
	}
	var links []Link
	for i := range quotas.Items {
		quota := &quotas.Items[i]
		if !strings.Contains(message, "quota: "+quota.Name) {
			continue
		}
		var used []string
		for name, hard := range quota.Status.Hard {
			taken := quota.Status.Used[name]
			used = append(used, fmt.Sprintf("%s: %s of %s", name, taken.String(), hard.String()))
		}
		slices.Sort(used)
		links = append(links, Link{Kind: "ResourceQuota", Name: quota.Name, Type: state, Status: "used up", Message: strings.Join(used, "\n")})
	}
	return links
}

// buildPod is the pod of a TaskRun, or nil.
func (e *explorer) buildPod(ctx context.Context, taskRun *TaskRun) *corev1.Pod {
	if taskRun.Status.PodName == "" {
		return nil
	}
	if pod, sight := find(ctx, e, kindPod, e.namespace(), taskRun.Status.PodName, e.Kube.CoreV1().Pods(e.namespace())); sight == seen {
		return pod
	}
	return nil
}

// failedStep is the first step that failed, with the end of its log. The pod may be nil.
func (e *explorer) failedStep(ctx context.Context, taskRun *TaskRun, pod *corev1.Pod) *Link {
	for i := range taskRun.Status.Steps {
		step := &taskRun.Status.Steps[i]
		if step.Terminated == nil || step.Terminated.ExitCode == 0 {
			continue
		}
		l := terminated(step.Container, step.Terminated)
		l.Message = fmt.Sprintf("exit code %d", step.Terminated.ExitCode) // Tekton's results are in the message.
		if l.Log = lastLines(e.build.LogTail); l.Log == nil && pod != nil {
			l.Log = e.log(ctx, pod.Name, step.Container, false)
		}
		return &l
	}
	return nil
}
